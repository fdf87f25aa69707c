/**
 * Cache of values for the most recently used names. It keeps at least `size` and at most twice `size` of them.
 * The bound is needed because clients choose the names.
 *
 * The cache has two generations instead of an ordered list: deleting the oldest names of a Map one by one costs
 * more the more were deleted before.
 */
export class RecentNames<T> {
  readonly #size: number;
  #young = new Map<string, T>();
  #old: ReadonlyMap<string, T> = new Map();

  constructor(size: number) {
    this.#size = size;
  }

  get(name: string): T | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  set(name: string, value: T): void {
    if (this.#young.size >= this.#size && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
  }
}
