import type { Random } from "./random.ts";

/**
 * Bounds of a backoff, in milliseconds: the maximum random wait after the first failure, and the maximum random
 * wait after any number of failures.
 */
export interface BackoffBounds {
  readonly baseMs: number;
  readonly capMs: number;
}

const maxAskedMs = 3_600_000;

/**
 * Returns the wait before try number `failures + 1`, in milliseconds: `atLeastMs` plus a random share of a
 * bound. The bound starts at `baseMs`, doubles with every failure and stops at `capMs`. The full jitter keeps
 * producers that failed together from retrying together.
 *
 * `atLeastMs` is the wait that the gateway asked for. At most an hour of it counts, so that a wrong `Retry-After`
 * silences no work for long.
 */
export function backoffMs(
  failures: number,
  { baseMs, capMs }: BackoffBounds,
  random: Random,
  atLeastMs = 0,
): number {
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.min(atLeastMs, maxAskedMs) + random.fraction() * bound;
}
