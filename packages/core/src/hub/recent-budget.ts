/** Characters that the recent entries of all channels of a node may take. */
export const maxRecentLength = 16 * 1_024 * 1_024;

/** Entries that give up their older half when the budget is exceeded. */
export interface Halvable {
  /** Number of characters they take. */
  readonly length: number;
  halve(): void;
}

/** The bound on what a node keeps of recent entries: when they are too many, channels give up their older half in turn. */
export class RecentBudget {
  readonly #maxLength: number;
  /** Those that keep something, in the order of their turn. */
  readonly #kept = new Set<Halvable>();
  #length = 0;

  constructor(maxLength: number = maxRecentLength) {
    this.#maxLength = maxLength;
  }

  /** About how many characters are kept in all. */
  get length(): number {
    return this.#length;
  }

  /** Must be called when what is kept of a channel has changed, by so many characters. */
  changed(recent: Halvable, length: number): void {
    this.#length += length;
    if (recent.length === 0) this.#kept.delete(recent);
    else if (recent.length === length) this.#kept.add(recent);
    if (this.#length > this.#maxLength) this.#shrink();
  }

  #shrink(): void {
    for (const recent of this.#kept) {
      if (this.#length <= this.#maxLength) return;
      this.#kept.delete(recent);
      recent.halve();
      if (recent.length > 0) this.#kept.add(recent);
    }
  }
}
