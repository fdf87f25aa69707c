/** Counts of reasons. Beyond `maxReasons` different ones, the rest is counted together. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(reason: string, count = 1): void {
    const known = this.#counts.has(reason) || this.#counts.size < maxReasons;
    const name = known ? reason : otherReasons;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  get total(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  toList(): readonly Counted[] {
    return [...this.#counts]
      .map(([reason, count]) => ({ reason, count }))
      .sort((a, b) => b.count - a.count);
  }
}

const maxReasons = 20;
const otherReasons = "other reasons";

/** Reason and how often it was seen. */
export interface Counted {
  readonly reason: string;
  readonly count: number;
}
