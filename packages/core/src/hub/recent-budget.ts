/**
 * Maximum size of the recent entries of all channels of a node, in characters. Beyond it, channels drop the
 * older half of theirs in turn.
 */
export const maxRecentLength = 16 * 1_024 * 1_024;

/**
 * Recent entries of one channel, as the budget sees them. When the budget is exceeded, they drop their older
 * half.
 */
export interface Halvable {
  /** Number of characters that the entries take. */
  readonly length: number;
  halve(): void;
}

/**
 * Budget of the recent entries of all channels of a node. When it is exceeded, channels drop their older half
 * in turn.
 */
export class RecentBudget {
  readonly #maxLength: number;
  /** Recent entries of channels that keep any, in the order in which they are halved. */
  readonly #kept = new Set<Halvable>();
  #length = 0;

  constructor(maxLength: number = maxRecentLength) {
    this.#maxLength = maxLength;
  }

  /** Approximate number of characters that are kept in all. */
  get length(): number {
    return this.#length;
  }

  /**
   * Records that the entries of one channel grew by `length` characters (negative when they shrank). Must be
   * called on every change.
   */
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
