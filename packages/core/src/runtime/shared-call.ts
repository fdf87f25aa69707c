/**
 * A question that many ask at once.
 *
 * Whoever asks while an answer is under way waits for the next, which is asked for once, for all of them. So every
 * answer is of a moment after each who shares it had asked: nothing that anybody knew by then is missing from it.
 */
export class SharedCall<T> {
  readonly #ask: () => Promise<T>;
  #underWay: Promise<T> | undefined;
  /** Not asked yet: who comes now may still share it. */
  #next: Promise<T> | undefined;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** Whether nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#underWay === undefined && this.#next === undefined;
  }

  /** Resolves or rejects with the answer. */
  run(): Promise<T> {
    this.#next ??= this.#askNext(this.#underWay);
    return this.#next;
  }

  async #askNext(underWay: Promise<T> | undefined): Promise<T> {
    // How that one ends is told to those who wait for it. Without one, who asks in this very turn still shares this.
    await underWay?.catch(() => {});
    this.#underWay = this.#next;
    this.#next = undefined;
    try {
      return await this.#ask();
    } finally {
      this.#underWay = undefined;
    }
  }
}
