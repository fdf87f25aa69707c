/**
 * Returns the estimated wait of each of `count` items in a queue, in milliseconds. The first is the next item
 * to run.
 *
 * `elapsedMs` holds for each running item how long it has been running. If it has fewer than `concurrency`
 * entries, the next items can start at once. The estimate assumes that every run takes `meanMs` milliseconds.
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

/** Mean of the latest `keep` durations, in milliseconds. */
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

  /** The mean in milliseconds; undefined before the first duration. */
  get ms(): number | undefined {
    if (this.#latest.length === 0) return undefined;
    return this.#latest.reduce((sum, each) => sum + each, 0) / this.#latest.length;
  }
}
