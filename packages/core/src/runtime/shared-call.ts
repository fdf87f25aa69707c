/**
 * A call that many callers share.
 *
 * A caller that comes while a call is in progress waits for the next call, which is made once for all of them.
 * So a call begins only after every caller that shares it has asked. Its answer is never older than the request
 * of any of them.
 */
export class SharedCall<T> {
  readonly #ask: () => Promise<T>;
  readonly #onIdle: (() => void) | undefined;
  #underWay: Promise<T> | undefined;
  /** Call that has not been made yet, so that new callers may still share it. */
  #next: Promise<T> | undefined;

  /** Creates the call; `onIdle` is called whenever no caller waits for an answer any more. */
  constructor(ask: () => Promise<T>, onIdle?: () => void) {
    this.#ask = ask;
    this.#onIdle = onIdle;
  }

  /** Makes the call, or joins the one that is about to be made. Resolves or rejects with its result. */
  run(): Promise<T> {
    this.#next ??= this.#askNext(this.#underWay);
    return this.#next;
  }

  async #askNext(underWay: Promise<T> | undefined): Promise<T> {
    // Callers of the running call receive its error. When no call is running, this still yields, so that
    // callers of the same turn share this call.
    await underWay?.catch(() => {});
    this.#underWay = this.#next;
    this.#next = undefined;
    try {
      return await this.#ask();
    } finally {
      this.#underWay = undefined;
      if (this.#next === undefined) this.#onIdle?.();
    }
  }
}
