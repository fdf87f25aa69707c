/** A value that can be forgotten once it says the same as a new one. */
export interface Forgettable {
  /** True if the value is the same as a new one. */
  isFresh(now: number): boolean;
}

/** Number of values at which the table first looks for values to forget. */
const firstSweep = 1_024;
/** Number of values that all further names share. */
const sharedValues = 1_024;

/**
 * Table of buckets by name, in bounded memory, although clients choose the names.
 *
 * The table forgets a bucket only once it is full again, so that forgetting never gives anybody more than the rate.
 * While the table holds `size` buckets that are not full, further names share 1,024 buckets: a name may then have
 * less than its rate, and never more.
 */
export class BucketTable<T extends Forgettable> {
  readonly #size: number;
  readonly #create: () => T;
  readonly #values = new Map<string, T>();
  #shared: (T | undefined)[] | undefined;
  #sweepAt = firstSweep;
  /** Number of look-ups until a full table is swept again; a sweep costs about as much as all of them. */
  #patience = 0;

  /** Creates a table of `size` buckets, each made by `create`. */
  constructor(size: number, create: () => T) {
    this.#size = size;
    this.#create = create;
  }

  /** Number of buckets in the table. */
  get size(): number {
    return this.#values.size;
  }

  /** Returns the bucket of a name. Look it up for each use and do not keep it. */
  of(name: string, now: number): T {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    if (this.#values.size >= Math.min(this.#sweepAt, this.#size)) this.#sweep(now);
    if (this.#values.size >= this.#size) return this.#sharedBy(name);
    const value = this.#create();
    this.#values.set(name, value);
    return value;
  }

  /** Forgets all fresh values. Each sweep waits until the table has doubled, so that a look-up stays cheap. */
  #sweep(now: number): void {
    if (this.#values.size >= this.#size && --this.#patience > 0) return;
    this.#patience = sharedValues;
    for (const [name, value] of this.#values) {
      if (value.isFresh(now)) this.#values.delete(name);
    }
    this.#sweepAt = Math.max(firstSweep, 2 * this.#values.size);
  }

  #sharedBy(name: string): T {
    this.#shared ??= Array.from({ length: sharedValues }, () => undefined);
    const index = hashOf(name) % sharedValues;
    this.#shared[index] ??= this.#create();
    return this.#shared[index];
  }
}

/** Returns a hash of a text, a whole number of 32 bits (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
