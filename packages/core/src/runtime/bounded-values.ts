/** Value of a bounded label that stands for all values beyond its bound. */
export const otherValue = "other";

/** Greatest length of a label's value, in characters. */
const maxLength = 64;

/**
 * Parts of a metric by the value of a label that is known only at run time. The first `most` values have parts of their
 * own; all further values share the part `other`.
 */
export class BoundedValues<T> {
  readonly #most: number;
  readonly #create: (value: string) => T;
  readonly #parts = new Map<string, T>();

  constructor(most: number, create: (value: string) => T) {
    this.#most = most;
    this.#create = create;
  }

  /** Returns the part of a value. */
  of(value: string): T {
    return this.#parts.get(value) ?? this.#added(value);
  }

  #added(value: string): T {
    const isKnown = value.length <= maxLength && this.#parts.size < this.#most;
    const key = isKnown ? value : otherValue;
    const known = this.#parts.get(key);
    if (known !== undefined) return known;
    const created = this.#create(key);
    this.#parts.set(key, created);
    return created;
  }
}
