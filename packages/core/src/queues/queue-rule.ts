import type { QueueCapacity } from "@milepost/model";
import type { Access } from "../rules/access.ts";

/** Lanes of a queue with their weights: of `{paid: 3, free: 1}`, three of four tickets that are served are paid. */
export type QueueLanes = Readonly<Record<string, number>>;

/** Operation that each ticket of a queue is. It waits first, and runs once a worker has claimed the ticket. */
export interface QueueOperation {
  readonly kind: string;
  /** Title for people; default: the kind. */
  readonly title?: string;
}

/**
 * Rule for the queues whose names match a pattern.
 *
 * Rules are data; the first one that matches a name applies. A queue without a rule exists once an API key has configured it,
 * and only API keys may join it for people.
 */
export interface QueueRule {
  /** Segments joined by `:`; `{name}` captures one segment, a last `*` stands for one or more. */
  readonly queue: string;
  /** Principals that may join for themselves. A service joins by the scope `queue:join` of its key. */
  readonly join: Access;
  /** Weights by lane, 0.01–1,000; at most 16 lanes. Default: one lane, `default`. A configuration at run time replaces them. */
  readonly lanes?: QueueLanes;
  /** Claim of the token that names the lane. Default: every token has the lane of `lane`. */
  readonly laneClaim?: string;
  /** Lane of a token whose claim names no lane, and of tickets for which a service names none. Default: the last lane. */
  readonly lane?: string;
  /**
   * Number of tickets that may be served at once: a number, `workers` for as many as workers ask for, or a schedule. Default:
   * `workers`. A configuration at run time replaces it.
   */
  readonly capacity?: QueueCapacity;
  /** Time for which a person may be gone before its ticket leaves, in milliseconds; default 120,000 (2 minutes). */
  readonly graceMs?: number;
  /** Maximum number of tickets that wait; default 100,000. Further ones are refused with `queue_full`. */
  readonly maxWaiting?: number;
  /** Lease of a claimed ticket for which its worker names none, in milliseconds; default 30,000. */
  readonly leaseMs?: number;
  /** Times that a ticket is served before a worker that dies or gives it back makes it fail; default 5. */
  readonly maxAttempts?: number;
  /** Makes each ticket an operation. Default: only tickets for which a service names an operation are one. */
  readonly operation?: QueueOperation;
}

/** Bounds and defaults of queues. */
export const queueBounds = {
  lanes: 16,
  laneName: 64,
  minWeight: 0.01,
  maxWeight: 1_000,
  minGraceMs: 1_000,
  maxGraceMs: 86_400_000,
  minLeaseMs: 1_000,
  maxLeaseMs: 86_400_000,
  maxWaiting: 1_000_000,
  maxAttempts: 100,
  capacity: 100_000,
} as const;

export const queueDefaults = {
  lane: "default",
  graceMs: 120_000,
  maxWaiting: 100_000,
  leaseMs: 30_000,
  maxAttempts: 5,
} as const;
