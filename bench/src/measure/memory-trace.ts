/** Summary of memory samples of one process. */
export interface MemoryTrace {
  /** Bytes in the first sample; `peak` and `last` are in bytes too. */
  readonly first: number;
  readonly peak: number;
  readonly last: number;
  /**
   * Slope of the second half in bytes per second, by least squares. A leak has a slope; buffers that have
   * filled up have none.
   */
  readonly slope: number;
}

/** Memory sample: seconds since the first sample, and bytes. */
export type MemorySample = readonly [seconds: number, bytes: number];

/** Summarizes samples; there must be at least one. */
export function traceOf(samples: readonly MemorySample[]): MemoryTrace {
  const bytes = samples.map(([, value]) => value);
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const at = mean(half.map(([seconds]) => seconds));
  const level = mean(half.map(([, value]) => value));
  let above = 0;
  let below = 0;
  for (const [seconds, value] of half) {
    above += (seconds - at) * (value - level);
    below += (seconds - at) ** 2;
  }
  return {
    first: bytes[0] ?? 0,
    peak: Math.max(...bytes),
    last: bytes.at(-1) ?? 0,
    slope: below === 0 ? 0 : above / below,
  };
}
