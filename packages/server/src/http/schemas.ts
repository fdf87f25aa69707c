import { consumerKinds } from "@milepost/engine";
import { eventBounds, operationBounds, operationStatuses } from "@milepost/model";
import { idRule, isId, maxIdBytes, maxSignatureLength, messageBounds } from "@milepost/protocol";
import { z } from "zod";

const anyJson = z.unknown().meta({ description: "Any JSON value." });

const key = z
  .string()
  .min(1)
  .max(messageBounds.keyLength)
  .meta({ description: "Dedupe key: using it again within 10 minutes creates no second entry." });

const name = z.string().min(1).max(255);

/** Schema of the id of a user or session: any text, as its token has it, not the encoded form. */
export const ownerId = z.string().refine(isId, { error: idRule }).meta({
  minLength: 1,
  maxLength: maxIdBytes,
  description: "Id of a user or session as the token has it: any text of at most 1,024 bytes.",
});

/** Schema of a name that becomes a segment of a channel name, at most `maxLength` characters long. */
function segment(maxLength: number) {
  return z.string().regex(new RegExp(`^[A-Za-z0-9_.~-]{1,${maxLength}}$`), {
    error: `must be 1 to ${maxLength} letters, digits, '_', '.', '~' or '-', since it names a channel`,
  });
}

const leaseHolderSchema = z
  .object({ worker: z.string(), since: z.number() })
  .meta({ id: "LeaseHolder" });

/** Failure in the results of a request with several items. */
export const failureSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    retry_after_ms: z.number().exactOptional(),
    held_by: leaseHolderSchema.exactOptional(),
  })
  .meta({ id: "Failure" });

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    retryable: z.boolean(),
    retry_after_ms: z.number().exactOptional(),
    held_by: leaseHolderSchema.exactOptional(),
  })
  .meta({ id: "Problem", description: "An error in the form of RFC 9457." });

/** Publication: to one channel, or the same to each of many channels. */
export const publishSchema = z
  .object({
    channel: z.string().exactOptional(),
    channels: z.array(z.string()).min(1).max(1_000).exactOptional(),
    event: z.string(),
    data: anyJson,
    key: key.exactOptional(),
    event_id: key
      .meta({ description: "The publisher's own id: its key, and the field event_id of the data." })
      .exactOptional(),
    priority: z
      .enum(["high", "normal", "low"])
      .meta({ description: "Priority for slow subscribers, instead of the channel's own." })
      .exactOptional(),
    sig: z
      .string()
      .max(maxSignatureLength)
      .meta({ description: "Signature that travels with the publication to its readers." })
      .exactOptional(),
  })
  .refine(({ channels, sig }) => channels === undefined || sig === undefined, {
    error:
      "cannot have sig together with channels, since a signature names one channel; send NDJSON",
  })
  .refine(({ channel, channels }) => (channel === undefined) !== (channels === undefined), {
    error: "needs exactly one of channel and channels",
  })
  .meta({ id: "Publish" });

export const publishedSchema = z
  .object({
    results: z.array(
      z.union([
        z.object({
          channel: z.string(),
          position: z.string(),
          duplicate: z.boolean(),
          local: z.literal(true).optional(),
          spooled: z.literal(true).optional(),
        }),
        z.object({ error: failureSchema }),
      ]),
    ),
  })
  .meta({ id: "Published" });

const snapshotSchema = z.object({ projection: z.string(), state: z.unknown() });

const endingSchema = z
  .object({ position: z.string(), reason: z.string(), ts: z.number() })
  .meta({ id: "Ending", description: "Position where the channel ended; no entry follows." });

/** Body of a request to end a channel: the reason. */
export const endSchema = z
  .object({ reason: z.string().min(1).max(messageBounds.reasonLength).exactOptional() })
  .meta({ id: "End" });

export const endedSchema = z
  .object({
    channel: z.string(),
    position: z.string(),
    reason: z.string(),
    duplicate: z.boolean().meta({ description: "True when the channel had already ended." }),
  })
  .meta({ id: "Ended" });

const staleSchema = z
  .literal(true)
  .meta({ description: "The node answered from its memory, because it cannot reach its store." })
  .exactOptional();

export const historySchema = z
  .object({
    channel: z.string(),
    entries: z.array(
      z.object({
        source: z.string().exactOptional(),
        position: z.string(),
        event: z.string(),
        data: z.unknown(),
        ts: z.number(),
        sig: z.string().exactOptional(),
        publisher: z
          .string()
          .meta({ description: "Verified publisher, where the channel's rule shows it." })
          .exactOptional(),
      }),
    ),
    position: z.string().meta({ description: "Position from which to continue." }),
    reason: z.string().exactOptional(),
    stale: staleSchema,
    end: endingSchema.exactOptional(),
  })
  .meta({ id: "History" });

export const channelSnapshotSchema = z
  .object({
    channel: z.string(),
    position: z.string(),
    snapshot: snapshotSchema.exactOptional(),
    stale: staleSchema,
    end: endingSchema.exactOptional(),
  })
  .meta({ id: "ChannelSnapshot" });

export const presenceSchema = z
  .object({
    channel: z.string(),
    epoch: z.string().meta({ description: "Versions of different epochs cannot be compared." }),
    version: z.int(),
    members: z
      .array(
        z.object({
          id: z.string(),
          user_id: z.string().exactOptional(),
          session_id: z.string().exactOptional(),
          since: z.number(),
        }),
      )
      .meta({ description: "At most 1,000 members, the longest present first." })
      .exactOptional(),
    count: z.int(),
    typing: z.array(z.string()).meta({ description: "Ids of the members who are typing." }),
  })
  .meta({ id: "Presence" });

const stepPlan = z.object({
  id: z.string().min(1).max(eventBounds.id),
  title: z.string().max(eventBounds.title).exactOptional(),
  weight: z
    .number()
    .min(0)
    .max(eventBounds.weight)
    .meta({ description: "Share of the whole, 1 by default. A step of weight 0 does not count." })
    .exactOptional(),
});

const leaseMs = z
  .int()
  .min(100)
  .max(24 * 3_600_000);

export const createOperationSchema = z
  .object({
    kind: z.string().min(1).max(eventBounds.id),
    title: z.string().max(eventBounds.title).exactOptional(),
    operation_id: segment(eventBounds.id).exactOptional(),
    session_id: ownerId.exactOptional(),
    user_id: ownerId.exactOptional(),
    producer_id: z.string().min(1).max(200).exactOptional(),
    collection_id: ownerId.exactOptional(),
    belongs_to: z
      .string()
      .min(1)
      .max(255)
      .exactOptional()
      .meta({ description: "Channel that gets the operation's summaries, such as project:42." }),
    parent: segment(eventBounds.id)
      .exactOptional()
      .meta({ description: "Operation of the same API key that this one is a part of." }),
    weight: z.number().min(0).max(eventBounds.tree.weight).exactOptional(),
    tags: z.array(segment(eventBounds.tree.name)).max(eventBounds.tree.tags).exactOptional(),
    budget: z
      .object({
        counter: segment(eventBounds.tree.name),
        limit: z.union([z.string(), z.int().min(0)]),
      })
      .exactOptional(),
    steps: z.array(stepPlan).max(operationBounds.steps).exactOptional(),
    input: z.unknown().exactOptional(),
    accepts: z
      .unknown()
      .exactOptional()
      .meta({ description: "Commands of the operation's own, and the policy for messages to it." }),
    size: z.number().min(0).max(Number.MAX_SAFE_INTEGER).exactOptional().meta({
      description: "Amount of work in the kind's own unit, for estimates of the time left.",
    }),
    lease_ms: leaseMs.exactOptional(),
  })
  .meta({ id: "CreateOperation" });

const operationState = z
  .looseObject({ id: z.string(), kind: z.string(), status: z.string(), percent: z.number() })
  .meta({ id: "OperationState", description: "The operation's state, folded from its events." });

const operationSummary = z
  .looseObject({ operation_id: z.string(), kind: z.string(), status: z.string() })
  .meta({ id: "OperationSummary" });

export const leaseSchema = z
  .object({ token: z.string(), fence: z.int(), ttl_ms: z.int() })
  .meta({ id: "Lease" });

export const createdOperationSchema = z
  .object({
    operation: operationState,
    channel: z.string(),
    lease: leaseSchema,
    duplicate: z.boolean(),
  })
  .meta({ id: "CreatedOperation" });

export const operationAtPositionSchema = z
  .object({ operation: operationState, position: z.string() })
  .meta({ id: "OperationAtPosition" });

export const operationListSchema = z
  .object({ operations: z.array(operationSummary) })
  .meta({ id: "OperationList" });

export const operationFilterSchema = z.object({
  session: ownerId.exactOptional(),
  user: ownerId.exactOptional(),
  producer: name.exactOptional(),
  kind: name.exactOptional(),
  status: z
    .enum(["waiting", "running", "paused", "stalled", "done", "failed", "cancelled", "lost"])
    .exactOptional(),
  tag: name.exactOptional(),
  parent: name.exactOptional(),
  limit: z.coerce.number().pipe(z.int().min(1).max(1_000)).exactOptional(),
});

export const reportedEventSchema = z
  .object({ event: z.string(), data: anyJson, key: key.exactOptional() })
  .meta({ id: "ReportedEvent" });

/**
 * Body of a request that reports events of an operation. Its events are validated one by one later, so that a
 * bad event does not affect the others.
 */
export const reportEventsSchema = z.object({
  lease: z.string().min(1).max(1_024),
  events: z.array(z.unknown()).max(1_000),
});

export const reportEventsDocument = z
  .object({ lease: z.string(), events: z.array(reportedEventSchema) })
  .meta({ id: "ReportEvents" });

export const reportResultsSchema = z
  .object({
    results: z.array(
      z.union([
        z.object({ position: z.string(), duplicate: z.boolean() }),
        z.object({ error: failureSchema }),
      ]),
    ),
  })
  .meta({ id: "ReportResults" });

export const takeOverSchema = z
  .object({
    lease_ms: leaseMs.exactOptional(),
    worker: z.string().min(1).max(255).exactOptional(),
  })
  .meta({ id: "TakeOver" });

export const requestCommandSchema = z
  .object({
    command: z.string().min(1).max(64).meta({
      description: "cancel, pause, resume, retry, or a command that the operation accepts.",
    }),
    args: z.unknown().exactOptional(),
    key: key.exactOptional(),
  })
  .meta({ id: "RequestCommand" });

export const requestedCommandSchema = z
  .object({ command_id: z.string(), phase: z.string() })
  .meta({ id: "RequestedCommand" });

export const requestCommandsSchema = requestCommandSchema
  .extend({
    filter: z
      .object({
        operation_ids: z.array(ownerId).min(1).max(100).exactOptional(),
        mine: z.literal(true).exactOptional(),
        session: ownerId.exactOptional(),
        user: ownerId.exactOptional(),
        producer: name.exactOptional(),
        kind: name.exactOptional(),
        status: z.enum(operationStatuses).exactOptional(),
        tag: name.exactOptional(),
        parent: name.exactOptional(),
      })
      .meta({ description: "Conditions that all must hold; at least one." }),
    limit: z.int().min(1).max(100).exactOptional(),
    after: z.string().max(255).exactOptional(),
  })
  .meta({ id: "RequestCommands" });

export const requestedCommandsSchema = z
  .object({
    results: z.array(
      z.union([
        z.object({ operation_id: z.string(), command_id: z.string(), phase: z.string() }),
        z.object({ operation_id: z.string(), error: failureSchema }),
      ]),
    ),
    next: z.string().exactOptional(),
  })
  .meta({ id: "RequestedCommands" });

export const sendInputSchema = z
  .object({
    data: z.unknown().meta({ description: "The message: any JSON, at most 16 Ki characters." }),
    key: key.exactOptional(),
  })
  .meta({ id: "SendInput" });

export const sentInputSchema = z
  .object({ input_id: z.string(), phase: z.string() })
  .meta({ id: "SentInput" });

export const pendingInputsSchema = z
  .object({
    inputs: z.array(
      z.object({
        operation_id: z.string(),
        input_id: z.string(),
        data: z.unknown(),
        by: z.string().exactOptional(),
        phase: z.enum(["queued", "taken"]),
        seq: z.int(),
      }),
    ),
  })
  .meta({ id: "PendingInputs" });

export const waitSchema = z.object({
  wait: z.coerce.number().pipe(z.number().min(0).max(60)).exactOptional(),
});

export const inputWaitSchema = waitSchema.extend({
  after: z.coerce.number().pipe(z.int().min(0)).exactOptional(),
});

export const producerWaitSchema = waitSchema.extend({ producer: name });

export const pendingCommandsSchema = z
  .object({
    commands: z.array(
      z.object({
        operation_id: z.string(),
        command_id: z.string(),
        command: z.string(),
        args: z.unknown().exactOptional(),
        by: z.string().exactOptional(),
      }),
    ),
  })
  .meta({ id: "PendingCommands" });

const level = z.enum(["info", "success", "warning", "error"]);

export const notificationSchema = z
  .object({
    message: z.string().min(1).max(eventBounds.message),
    title: z.string().min(1).max(eventBounds.title).exactOptional(),
    level: level.exactOptional(),
    type: level.exactOptional(),
    ttl_ms: z.int().min(1).max(messageBounds.ttlMs).exactOptional(),
    id: z.string().min(1).max(128).exactOptional(),
  })
  .meta({ id: "Notification" });

export const notifiedSchema = z
  .object({ channel: z.string(), position: z.string(), duplicate: z.boolean() })
  .meta({ id: "Notified" });

export const healthSchema = z
  .object({
    status: z.enum(["healthy", "degraded", "draining", "unhealthy"]),
    timestamp: z.string(),
    connections: z.object({
      total: z.int(),
      local: z.int(),
      alive: z.int(),
      dead: z.int(),
      unauthenticated: z.int().meta({
        description: "Number of sockets at this node without a verified credential.",
      }),
    }),
    consumers: z
      .record(z.enum(consumerKinds), z.int())
      .meta({ description: "Number of connections of each kind of consumer." }),
    refused: z.record(z.string(), z.int()).meta({
      description:
        "Number of connections and sockets refused since the start, by the limit that was reached.",
    }),
    redis: z
      .object({
        connected: z.boolean(),
        pubsub_connected: z.boolean(),
        takes_writes: z.boolean(),
        full: z.boolean(),
      })
      .meta({ description: "Every field is false where the node uses no Redis." }),
    store: z
      .object({
        kind: z.string(),
        durable: z.boolean(),
        full: z.boolean(),
        durability: z.enum(["full", "normal"]).optional(),
        reason: z.string().optional(),
      })
      .meta({
        description:
          "Kind of the store, whether its entries outlive the process, and whether it has no room for more. The embedded store also says when a write counts as done, and why it takes none now.",
      }),
    spooled: z.int().meta({ description: "Publications that wait for Redis." }),
    backends: z
      .object({ closed: z.int(), open: z.int(), half_open: z.int() })
      .meta({ description: "Number of method backends in each state of their circuit breaker." }),
  })
  .meta({ id: "Health" });
