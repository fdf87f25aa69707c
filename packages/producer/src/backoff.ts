import type { Random } from "./random.ts";

/** How long to wait between tries. */
export interface BackoffBounds {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The wait before try number `failures + 1`: a random share of a bound that doubles with every failure
 * (full jitter), so that producers which failed together do not come back together.
 *
 * `atLeastMs` is what the service asked for; the random part is added to it.
 */
export function backoffMs(
  failures: number,
  { baseMs, capMs }: BackoffBounds,
  random: Random,
  atLeastMs = 0,
): number {
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return atLeastMs + random.fraction() * bound;
}
