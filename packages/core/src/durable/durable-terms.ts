import type { DurableBounds } from "@milepost/engine";
import type { Rule } from "../rules/rule.ts";

const hourMs = 3_600_000;

/** How long delivery to a durable subscriber repeats; see {@link Rule.durable}. */
export interface DurableTerms {
  readonly ackWaitMs: number;
  readonly maxAttempts: number;
  readonly maxAgeMs: number;
}

/** What holds for the durable subscribers of a channel with this rule. */
export function durableTerms({ durable = {} }: Rule): DurableTerms {
  const { ackWaitMs = 30_000, maxAttempts = 5, maxAgeMs = 24 * hourMs } = durable;
  return { ackWaitMs, maxAttempts, maxAgeMs };
}

/** Entries that one subscriber may have unsettled; the rest wait in the log. */
export const maxUnsettled = 1_000;

/** Bounds of the durable subscribers of any channel. */
export const durableBounds: DurableBounds = {
  maxPerChannel: 1_000,
  maxReplays: 1_000,
  keepMs: 30 * 24 * hourMs,
};

const maxAckWaitMs = 300_000;
const firstRetryMs = 1_000;
const maxRetryMs = 60_000;
/** What randomness may add to a wait, as a part of it. */
const jitter = 0.2;

/** How long the given delivery waits for its acknowledgement: twice as long as the one before, plus up to a fifth. */
export function ackWaitOf(attempt: number, ackWaitMs: number, fraction: number): number {
  const wait = Math.min(ackWaitMs * 2 ** (attempt - 1), Math.max(ackWaitMs, maxAckWaitMs));
  return Math.round(wait * (1 + jitter * fraction));
}

/** How long a refused delivery waits for the next: 1 s doubling to a minute, plus up to a fifth. */
export function retryDelayOf(attempt: number, fraction: number): number {
  return Math.round(
    Math.min(firstRetryMs * 2 ** (attempt - 1), maxRetryMs) * (1 + jitter * fraction),
  );
}

/** The longest wait there is: whatever clock a due time was made by, it is no further away. */
export function longestWaitMs(ackWaitMs: number): number {
  return Math.max(maxAckWaitMs, ackWaitMs, maxRetryMs) * (1 + jitter);
}
