/** Memory of a process, looked at again and again. */
export interface MemoryTrace {
  /** Bytes. */
  readonly first: number;
  readonly peak: number;
  readonly last: number;
  /** Bytes a second over the second half, by least squares: what a leak shows, and filling buffers do not. */
  readonly slope: number;
}

/** One look: seconds since the first, and bytes. */
export type MemorySample = readonly [seconds: number, bytes: number];

/** Sums samples up; at least one. */
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
