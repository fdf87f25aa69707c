import type { TransportEvents } from "@milepost/core";
import {
  closeVerdict,
  type ErrorCode,
  errorCodes,
  errorOfClose,
  type Failure,
  isRecord,
  MilepostError,
  parseClientMessage,
  parseCursor,
  parseJson,
  type TextDialectName,
} from "@milepost/protocol";
import { z } from "zod";
import { answerJsonText, answerNothing } from "../../http/answer.ts";
import { readBody } from "../../http/body.ts";
import { readChannelList } from "../../http/channel-list.ts";
import { describe } from "../../http/description.ts";
import type { HttpContext } from "../../http/endpoint.ts";
import { accepted, readAs } from "../../http/reading.ts";
import { consumerOf } from "../consumer.ts";
import type { Door, DoorParts, DoorRoute } from "../door.ts";
import type { PollItem, PollKind } from "./encoders.ts";
import { Poll, type PollOutcome } from "./poll.ts";

const maxWaitSeconds = 25;
const maxPolledChannels = 100;

const wait = z.coerce.number().pipe(z.number().min(0).max(maxWaitSeconds)).exactOptional();

const sdk = z
  .string()
  .meta({ description: "Name and version of the SDK, for the counts of consumers." })
  .exactOptional();

const pollQuery = z.object({
  channels: z.string().meta({ description: "Channel names, joined by commas." }).exactOptional(),
  since: z.string().meta({ description: "The cursor of the previous batch." }).exactOptional(),
  wait,
  sdk,
  ticket: z
    .string()
    .meta({ description: "A ticket, for clients that cannot send headers." })
    .exactOptional(),
  token: z
    .string()
    .meta({ description: "The token, for clients that cannot send headers." })
    .exactOptional(),
});

const batchSchema = z
  .object({
    events: z.array(z.looseObject({ type: z.string() })),
    cursor: z.string().meta({ description: "Pass it as since in the next request." }),
  })
  .meta({ id: "PollBatch" });

const messagesSchema = z
  .array(z.looseObject({ type: z.string() }))
  .meta({ id: "Messages", description: "Messages of the protocol." });

/** Creates the door of long-polls. */
export function longPollDoor(parts: DoorParts): Door {
  return { name: "long-poll", routes: pollRoutes(parts) };
}

/**
 * Endpoints of `/v1/poll`: each request is answered with one batch of the messages that a connection would
 * deliver.
 */
function pollRoutes({ core, clock, sockets }: DoorParts): readonly DoorRoute[] {
  async function outcomeOf(
    context: HttpContext,
    dialect: TextDialectName,
    terms: {
      readonly channels: number;
      readonly wait?: number | undefined;
      readonly sdk?: string | undefined;
      readonly since?: string;
    },
    connect: (poll: Poll, reservedId: string) => TransportEvents,
  ): Promise<PollOutcome> {
    core.refuseUnjoined();
    sockets.hold(context.env);
    const slot = await core.slots.reserve(context.get("principal"));
    if (!slot.isGranted) throw closedError(slot.close);
    const waitMs = (terms.wait ?? maxWaitSeconds) * 1_000;
    const { channels, since } = terms;
    const consumer = consumerOf(terms.sdk, "poll");
    const held = since === undefined ? {} : { since };
    const poll = new Poll(dialect, { clock, channels, waitMs, consumer, ...held });
    const { outgoing } = context.env;
    const giveUp = () => poll.giveUp();
    outgoing.once("close", giveUp);
    // The client may have left while its slot was sought.
    if (outgoing.destroyed) giveUp();
    poll.attach(connect(poll, slot.id));
    const outcome = await poll.outcome;
    outgoing.removeListener("close", giveUp);
    if (outcome.closeCode !== undefined && !outcome.hasNews) throw closedError(outcome.closeCode);
    return outcome;
  }

  return [
    {
      method: "GET",
      path: "/v1/poll",
      spec: describe({
        summary: "Waits for the next batch of some channels; 204 when there is no news.",
        query: pollQuery,
        success: {
          status: 200,
          description: "The events, and the cursor after them.",
          schema: batchSchema,
        },
      }),
      async handle(context) {
        const principal = context.get("principal");
        const query = accepted(readAs(pollQuery, context.req.query()));
        const channels = accepted(readChannelList(context.req.queries("channels") ?? []));
        const resume = query.since === undefined ? undefined : accepted(parseCursor(query.since));
        const all = new Set([...channels, ...(resume?.keys() ?? [])]);
        if (all.size === 0)
          throw new MilepostError(
            "bad_message",
            "this poll names no channel; set channels or since",
          );
        if (all.size > core.limits.maxSubscriptions) {
          const message = `a poll may have at most ${core.limits.maxSubscriptions} channels`;
          throw new MilepostError("too_many_subscriptions", message);
        }
        const terms = { ...query, channels: all.size };
        const { items, hasNews } = await outcomeOf(context, "plain", terms, (poll, reservedId) =>
          core.connect(poll, {
            principal,
            reservedId,
            channels,
            ...(resume !== undefined && { resume }),
          }),
        );
        const refused = items.find(({ kind }) => kind === "refused");
        if (refused !== undefined) throw MilepostError.from(failureIn(refused));
        if (!hasNews) return answerNothing(context);
        const told: readonly PollKind[] = ["started", "news", "end"];
        const events = items.filter(({ kind }) => told.includes(kind));
        const cursor = items.findLast((item) => item.cursor !== "")?.cursor ?? query.since ?? "";
        return answerJsonText(
          context,
          `{"events":[${joined(events)}],"cursor":${JSON.stringify(cursor)}}`,
        );
      },
    },
    {
      method: "POST",
      path: "/v1/poll",
      spec: describe({
        summary:
          "Polls in the SDK's dialect: one subscribe message per channel, each with its own position.",
        query: z.object({ wait, sdk }),
        body: { "application/json": messagesSchema },
        success: {
          status: 200,
          description: "The replies and the messages after them.",
          schema: messagesSchema,
        },
      }),
      async handle(context) {
        const principal = context.get("principal");
        const query = accepted(readAs(z.object({ wait, sdk }), context.req.query()));
        const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
        const channels = countSubscribes(accepted(parseJson(text)));
        const terms = { ...query, channels };
        const { items, hasNews } = await outcomeOf(
          context,
          "milepost.v1.json",
          terms,
          (poll, reservedId) => {
            const events = core.connect(poll, { principal, reservedId });
            if (channels > 0) events.onText(text);
            return events;
          },
        );
        if (!hasNews && channels > 0 && query.wait !== 0) return answerNothing(context);
        return answerJsonText(context, `[${joined(items.filter(({ kind }) => kind !== "aside"))}]`);
      },
    },
  ];
}

function joined(items: readonly PollItem[]): string {
  return items.map(({ json }) => json).join(",");
}

/**
 * Counts the subscribe messages of a poll; throws for any other message.
 *
 * Each subscribe message gets exactly one reply, so the poll knows when all channels have started.
 */
function countSubscribes(value: unknown): number {
  if (!Array.isArray(value) || value.length > maxPolledChannels) {
    const message = `the body must be an array of at most ${maxPolledChannels} messages`;
    throw new MilepostError("bad_message", message);
  }
  for (const entry of value) {
    const message = parseClientMessage(entry);
    if (!message.ok) throw MilepostError.from(message.failure);
    if (message.value.type === "subscribe" && message.value.presence === true) {
      throw new MilepostError(
        "not_supported",
        "a poll cannot be present in a channel; list who is present with presence.get",
      );
    }
    if (message.value.type !== "subscribe") {
      throw new MilepostError(
        "bad_message",
        "a poll accepts only subscribe messages; send others to /v1/connections/-/messages",
      );
    }
    if (message.value.as !== undefined) {
      throw new MilepostError(
        "not_supported",
        "a poll cannot hold a durable subscriber; use a WebSocket or /v1/sse",
      );
    }
  }
  return value.length;
}

function failureIn({ json }: PollItem): Failure {
  const reply: unknown = JSON.parse(json);
  return (isRecord(reply) ? reply.error : undefined) as Failure;
}

/**
 * Error messages for polls whose connection was closed, where the general description of the error code does
 * not help the client.
 */
const closedMessages: Partial<Record<ErrorCode, string>> = {
  too_many_connections: "this node is full; ask another node",
  shutting_down: "this node is shutting down; ask another node",
  token_expired: "the token has expired; get a new one",
  token_revoked: "the token was revoked; get a new one",
  forbidden: "the gateway closed this connection",
  internal: "the connection ended before the answer; poll again",
};

/** Returns the error of a poll whose connection was closed with `close`. */
function closedError(close: number): MilepostError {
  const stands = errorOfClose(close);
  // A poll that was closed on purpose is refused, because over HTTP only a refusal keeps the client from
  // polling again.
  const code = stands === "cancelled" ? "forbidden" : stands;
  if (close === 4409) {
    return new MilepostError(
      code,
      "this user or session has too many connections; close some, or try again later",
      { retryAfterMs: 30_000 },
    );
  }
  const retry = closeVerdict(close) === "resume" ? { retryAfterMs: 1_000 } : {};
  return new MilepostError(code, closedMessages[code] ?? errorCodes[code].description, retry);
}
