import type { DurableBounds } from "@milepost/engine";
import type { Rule } from "../rules/rule.ts";

const hourMs = 3_600_000;

/** Limits of repeated delivery to a durable subscriber; see {@link Rule.durable}. Times are in milliseconds. */
export interface DurableTerms {
  readonly ackWaitMs: number;
  readonly maxAttempts: number;
  readonly maxAgeMs: number;
}

/**
 * Returns the delivery limits for the durable subscribers of channels with this rule. Defaults: 30 s for the
 * first ack, 5 attempts, 24 hours.
 */
export function durableTerms({ durable = {} }: Rule): DurableTerms {
  const { ackWaitMs = 30_000, maxAttempts = 5, maxAgeMs = 24 * hourMs } = durable;
  return { ackWaitMs, maxAttempts, maxAgeMs };
}

/** Maximum number of unsettled entries per subscriber; further entries wait in the log. */
export const maxUnsettled = 1_000;

/**
 * Bounds that apply to the durable subscribers of every channel: 1,000 per channel, 1,000 pending replays each,
 * and 30 days without use.
 */
export const durableBounds: DurableBounds = {
  maxPerChannel: 1_000,
  maxReplays: 1_000,
  keepMs: 30 * 24 * hourMs,
};

const maxAckWaitMs = 300_000;
const firstRetryMs = 1_000;
const maxRetryMs = 60_000;
/** Maximum random part of a wait, as a fraction of it. */
const jitter = 0.2;

/**
 * Returns how long a delivery waits for its acknowledgement, in milliseconds. The wait doubles with each attempt.
 * It is at most 5 minutes, or `ackWaitMs` if that is longer. A random part of up to a fifth is added.
 */
export function ackWaitOf(attempt: number, ackWaitMs: number, fraction: number): number {
  const wait = Math.min(ackWaitMs * 2 ** (attempt - 1), Math.max(ackWaitMs, maxAckWaitMs));
  return Math.round(wait * (1 + jitter * fraction));
}

/**
 * Returns the delay after a refused delivery, in milliseconds. The delay starts at 1 s and doubles with each
 * attempt, up to a minute. Up to a fifth is added at random.
 */
export function retryDelayOf(attempt: number, fraction: number): number {
  return Math.round(
    Math.min(firstRetryMs * 2 ** (attempt - 1), maxRetryMs) * (1 + jitter * fraction),
  );
}

/**
 * Returns the maximum wait, in milliseconds. Due times of a saved state are limited to this wait, since another
 * node's clock may have produced them.
 */
export function longestWaitMs(ackWaitMs: number): number {
  return Math.max(maxAckWaitMs, ackWaitMs, maxRetryMs) * (1 + jitter);
}
