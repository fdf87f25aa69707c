/** One past case: how long something took, in milliseconds, and what was known when it was asked. */
export interface Sample {
  readonly tookMs: number;
  /**
   * What was known, as numbers above 0: for instance the time that the case had taken so far, or its size. Absent values
   * say nothing. The same index means the same thing in every sample.
   */
  readonly known: readonly (number | undefined)[];
}

/** Number of samples below which nothing is estimated. */
export const minSamples = 5;
/** Number of samples that are looked at; older ones say little. */
export const maxSamples = 128;
