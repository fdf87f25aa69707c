/** Sample of a value at a time, in milliseconds. */
export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** Recent samples of a growing value, oldest first. */
export type Pace = readonly Sample[];

const maxSamples = 64;

/**
 * Adds a sample. Drops samples older than `windowMs` milliseconds and, when the value has fallen, all earlier
 * ones.
 */
export function withSample(pace: Pace, sample: Sample, windowMs = 8_000): Pace {
  const last = pace.at(-1);
  if (last && sample.value < last.value) return [sample];
  // Closer samples replace the last one, so that the window, not the message rate, bounds the list.
  const settled = last && sample.at - last.at < windowMs / maxSamples ? pace.slice(0, -1) : pace;
  const kept = settled.filter(({ at }) => at >= sample.at - windowMs);
  return [...(kept.length > 0 ? kept : pace.slice(-1)), sample].slice(-maxSamples);
}

/**
 * Returns the growth per second over the samples; undefined when they span less than `minSpanMs` milliseconds.
 */
export function perSecond(pace: Pace, minSpanMs = 900): number | undefined {
  const first = pace.at(0);
  const last = pace.at(-1);
  if (!first || !last || last.at - first.at < minSpanMs) return undefined;
  return ((last.value - first.value) / (last.at - first.at)) * 1000;
}
