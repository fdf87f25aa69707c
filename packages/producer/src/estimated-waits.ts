/**
 * How long each of a line will wait, in milliseconds, the next one first.
 *
 * `elapsedMs` holds how long each running one has been at it; with fewer than `concurrency` running
 * the rest of the places are free. Every run is taken to last `meanMs`.
 */
export function estimateWaits(
  count: number,
  concurrency: number,
  elapsedMs: readonly number[],
  meanMs: number,
): number[] {
  const freeAt = Array.from({ length: concurrency }, (_, place) => {
    const elapsed = elapsedMs[place];
    return elapsed === undefined ? 0 : Math.max(0, meanMs - elapsed);
  });
  return Array.from({ length: count }, () => {
    const earliest = freeAt.reduce(
      (best, at, place) => (at < (freeAt[best] ?? at) ? place : best),
      0,
    );
    const wait = freeAt[earliest] ?? 0;
    freeAt[earliest] = wait + meanMs;
    return Math.round(wait);
  });
}

/** The mean of the latest durations. */
export class MeanDuration {
  readonly #latest: number[] = [];
  readonly #keep: number;

  constructor(keep: number) {
    this.#keep = keep;
  }

  add(ms: number): void {
    this.#latest.push(ms);
    if (this.#latest.length > this.#keep) this.#latest.shift();
  }

  /** Undefined before the first. */
  get ms(): number | undefined {
    if (this.#latest.length === 0) return undefined;
    return this.#latest.reduce((sum, each) => sum + each, 0) / this.#latest.length;
  }
}
