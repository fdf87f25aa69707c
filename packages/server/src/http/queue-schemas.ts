import { weekdays } from "@milepost/model";
import { z } from "zod";
import { leaseSchema } from "./schemas.ts";

const count = z.number();

const capacitySchema = z
  .union([
    z.number(),
    z.literal("workers"),
    z.object({
      time_zone: z.string().exactOptional(),
      default: z.number().exactOptional(),
      times: z.array(
        z.object({
          days: z.array(z.enum(weekdays)).exactOptional(),
          from: z.string(),
          to: z.string(),
          capacity: z.number(),
        }),
      ),
    }),
  ])
  .meta({
    id: "QueueCapacity",
    description:
      "Tickets that may be served at once: a number, workers, or a schedule of the week.",
  });

/** The core checks values, so that both doors refuse with the same words; these schemas describe. */
export const configureQueueSchema = z
  .object({
    capacity: capacitySchema.exactOptional(),
    lanes: z
      .record(z.string(), z.number())
      .meta({ description: "Weights by lane." })
      .exactOptional(),
  })
  .meta({ id: "ConfigureQueue" });

export const joinQueueSchema = z
  .object({
    user: z.string().exactOptional(),
    session: z.string().exactOptional(),
    guest: z.string().exactOptional(),
    lane: z.string().exactOptional(),
    operation: z
      .union([
        z.string(),
        z.object({
          kind: z.string(),
          title: z.string().exactOptional(),
          operation_id: z.string().exactOptional(),
          input: z.unknown().exactOptional(),
        }),
      ])
      .exactOptional(),
    key: z.string().exactOptional(),
  })
  .meta({ id: "JoinQueue" });

const rangeSchema = z.object({ p50_ms: count, p90_ms: count }).meta({ id: "WaitRange" });

const ticketShape = {
  id: z.string(),
  queue: z.string(),
  status: z.enum(["waiting", "running", "finished", "failed", "left", "gone"]),
  lane: z.string(),
  position: count,
  total: count,
  ahead_in_lane: count,
  estimated_wait: rangeSchema.nullable(),
  user_id: z.string().exactOptional(),
  session_id: z.string().exactOptional(),
  guest_id: z.string().exactOptional(),
  operation_id: z.string().exactOptional(),
  attempt: count,
  joined_at: count,
  reason: z.string().exactOptional(),
};

export const ticketSchema = z.object(ticketShape).meta({ id: "QueueTicket" });
export const joinedTicketSchema = z
  .object({ ...ticketShape, duplicate: z.boolean() })
  .meta({ id: "JoinedTicket" });

export const claimTicketSchema = z
  .object({
    worker: z.string(),
    lease_ms: z.number().exactOptional(),
    slots: z.number().exactOptional(),
    claim_id: z.string().exactOptional(),
  })
  .meta({ id: "ClaimTicket" });

export const claimedTicketSchema = z
  .object({
    ...ticketShape,
    lease: z.object({ fence: count, ttl_ms: count, ends_at: count }),
    operation_lease: leaseSchema.exactOptional(),
  })
  .meta({ id: "ClaimedTicket" });

export const extendTicketSchema = z
  .object({ fence: z.number(), lease_ms: z.number().exactOptional() })
  .meta({ id: "ExtendTicket" });

export const finishTicketSchema = z.object({ fence: z.number() }).meta({ id: "FinishTicket" });

export const failTicketSchema = z
  .object({
    fence: z.number(),
    reason: z.string().exactOptional(),
    give_back: z.boolean().exactOptional(),
  })
  .meta({ id: "FailTicket" });

export const hoursSchema = z.object({
  hours: z.coerce.number().pipe(z.number().min(1).max(48)).exactOptional(),
});

const durationSchema = z
  .object({
    count,
    p50_ms: count.nullable(),
    p90_ms: count.nullable(),
    p99_ms: count.nullable(),
  })
  .meta({ id: "QueueDuration" });

const figuresSchema = z
  .object({
    joined: count,
    served: count,
    finished: count,
    failed: count,
    left: count,
    gone: count,
    returned: count,
    abandonment: count.nullable(),
    throughput_per_hour: count,
    wait: durationSchema,
    service: durationSchema,
    estimates: z.object({
      count,
      below_p50: count.nullable(),
      below_p90: count.nullable(),
      inside: count.nullable(),
    }),
  })
  .meta({ id: "QueueFigures" });

export const queueSchema = z
  .object({
    queue: z.string(),
    capacity: capacitySchema,
    capacity_now: count,
    lanes: z.array(z.object({ name: z.string(), weight: count, waiting: count })),
    waiting: count,
    running: count,
    workers: count,
    slots: count,
    suspended_until: count.exactOptional(),
    total: figuresSchema,
    by_lane: z.record(z.string(), figuresSchema),
    hours: z.array(z.object({ at: count, lanes: z.record(z.string(), figuresSchema) })),
  })
  .meta({ id: "Queue" });

export const queueListSchema = z
  .object({
    queues: z.array(
      z.object({ queue: z.string(), waiting: count, running: count, capacity_now: count }),
    ),
  })
  .meta({ id: "QueueList" });
