/** Counts of estimated ranges by how they compare with the actual times. */
export interface Tally {
  /** Number of estimated ranges whose actual time is known. */
  readonly told: number;
  /** Number of them whose actual time was below the p50. */
  readonly below50: number;
  /** Number of them whose actual time was below the p90. */
  readonly below90: number;
}

export const nothingTold: Tally = { told: 0, below50: 0, below90: 0 };

/** Change of the level for each case that came out otherwise than the level says. */
const gain = 0.02;
const lowest = -0.2;
const highest = 1.2;

/**
 * Returns the levels at which the next range is read off the distribution.
 *
 * This is adaptive conformal inference: the level rises by a little for each truth above what was told, and falls for each
 * below, so that in the long run the nominal share lies below, whatever the distribution is and however it changes.
 */
export function levelsAfter({ told, below50, below90 }: Tally): {
  readonly p50: number;
  readonly p90: number;
} {
  return {
    p50: bounded(0.5 + gain * (0.5 * told - below50)),
    p90: bounded(0.9 + gain * (0.9 * told - below90)),
  };
}

/** Returns the tally after one more estimated range and its actual time. */
export function tallied(
  { told, below50, below90 }: Tally,
  { p50_ms, p90_ms }: { readonly p50_ms: number; readonly p90_ms: number },
  tookMs: number,
): Tally {
  return {
    told: told + 1,
    below50: below50 + (tookMs < p50_ms ? 1 : 0),
    below90: below90 + (tookMs < p90_ms ? 1 : 0),
  };
}

function bounded(level: number): number {
  return Math.min(Math.max(level, lowest), highest);
}
