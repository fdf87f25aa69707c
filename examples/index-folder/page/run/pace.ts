/** A reading at a moment. */
export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** Recent readings of something that grows, oldest first. */
export type Pace = readonly Sample[];

const maxSamples = 64;

/** Adds a reading; forgets those older than `windowMs` and, when the value fell, all of them. */
export function withSample(pace: Pace, sample: Sample, windowMs = 8_000): Pace {
  const last = pace.at(-1);
  if (last && sample.value < last.value) return [sample];
  // Closer readings replace the last one, so that the window, not the message rate, bounds the list.
  const settled = last && sample.at - last.at < windowMs / maxSamples ? pace.slice(0, -1) : pace;
  const kept = settled.filter(({ at }) => at >= sample.at - windowMs);
  return [...(kept.length > 0 ? kept : pace.slice(-1)), sample].slice(-maxSamples);
}

/** Growth per second over the window; undefined while it is too short to tell. */
export function perSecond(pace: Pace, minSpanMs = 900): number | undefined {
  const first = pace.at(0);
  const last = pace.at(-1);
  if (!first || !last || last.at - first.at < minSpanMs) return undefined;
  return ((last.value - first.value) / (last.at - first.at)) * 1000;
}
