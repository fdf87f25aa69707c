/** Runs tasks of one name one after the other, and those of different names side by side. */
export class SerialQueues {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs the task once every earlier one of the name has ended, however it ended. */
  run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const result = before === undefined ? task() : before.then(task);
    const ended = result.then(nothing, nothing);
    this.#last.set(name, ended);
    void ended.then(() => {
      if (this.#last.get(name) === ended) this.#last.delete(name);
    });
    return result;
  }

  /** Whether something of the name has not ended. */
  isBusy(name: string): boolean {
    return this.#last.has(name);
  }

  /** Settles when everything that was started has ended. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}

function nothing(): void {}
