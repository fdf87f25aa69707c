/** Random sample of at most `size` ages among any number, in which each has the same chance to be. */
export class AgeSample {
  readonly #size: number;
  readonly #random: () => number;
  readonly #ages: number[] = [];
  #seen = 0;

  constructor(size: number, random: () => number) {
    this.#size = size;
    this.#random = random;
  }

  get ages(): readonly number[] {
    return this.#ages;
  }

  add(age: number): void {
    this.#seen++;
    if (this.#ages.length < this.#size) this.#ages.push(age);
    else {
      const at = Math.floor(this.#random() * this.#seen);
      if (at < this.#size) this.#ages[at] = age;
    }
  }
}
