/** Bounds of the delays between retries, in milliseconds. */
export interface RetryBounds {
  /** Maximum delay after the first failure. It doubles with each further failure. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** Smallest share of the maximum that a delay may be, from 0 to 1; default 0. */
  readonly least?: number;
}

/**
 * Returns the delay before the next attempt, in milliseconds. Delays are random, so that the nodes that lost one
 * Redis do not all come back at the same moment. `random` returns numbers from 0 to 1.
 */
export function retryDelayMs(
  failures: number,
  { firstMs, maxMs, least = 0 }: RetryBounds,
  random: () => number = Math.random,
): number {
  const most = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 20));
  return most * (least + (1 - least) * random());
}
