/**
 * What is remembered of the names that were used most recently: of `size` of them at least, of twice as many at
 * most, since names come from outside.
 *
 * Two generations in place of a list in order: forgetting the oldest name of a Map one by one costs more the more
 * were forgotten before.
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
