/**
 * A call that many callers share.
 *
 * A caller that comes while a call is in progress waits for the next one, which is made once for all of them.
 * So every answer is of a moment after each caller that shares it had asked: nothing that any of them knew by
 * then is missing from it.
 */
export class SharedCall<T> {
  readonly #ask: () => Promise<T>;
  #underWay: Promise<T> | undefined;
  /** Call that has not been made yet, so that new callers may still share it. */
  #next: Promise<T> | undefined;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** True while no caller waits for an answer. */
  get isIdle(): boolean {
    return this.#underWay === undefined && this.#next === undefined;
  }

  /** Resolves or rejects with the answer. */
  run(): Promise<T> {
    this.#next ??= this.#askNext(this.#underWay);
    return this.#next;
  }

  async #askNext(underWay: Promise<T> | undefined): Promise<T> {
    // The callers of that call learn how it ends. When there is none, this still yields, so that callers of the
    // same turn share this call.
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
