/**
 * Cache bounded by weight. It keeps what was used lately: once the young half is full it becomes the old half, and what
 * only the old half had is forgotten. So a look-up costs no more than that of a map.
 */
export class YoungAndOld<T> {
  readonly #maxWeight: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  #weight = 0;
  #oldWeight = 0;

  /** Creates a cache of values that weigh at most about `maxWeight` together. */
  constructor(maxWeight: number) {
    this.#maxWeight = maxWeight / 2;
  }

  /** Weight of all values, of which some may count twice. */
  get weight(): number {
    return this.#weight + this.#oldWeight;
  }

  /** Returns a value and makes it young. Its weight counts anew. */
  get(name: string, weightOf: (value: T) => number): T | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old, weightOf(old));
    return old;
  }

  set(name: string, value: T, weight: number): void {
    this.#young.set(name, value);
    this.grow(weight);
  }

  /** Records that a value has become heavier. */
  grow(weight: number): void {
    this.#weight += weight;
    if (this.#weight <= this.#maxWeight) return;
    this.#old = this.#young;
    this.#oldWeight = this.#weight;
    this.#young = new Map();
    this.#weight = 0;
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#weight = 0;
    this.#oldWeight = 0;
  }
}
