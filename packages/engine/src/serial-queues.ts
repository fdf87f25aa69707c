/** Queues by name: tasks of one name run one after the other, tasks of different names run in parallel. */
export class SerialQueues {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs the task once every earlier task of that name has settled, whether fulfilled or rejected. */
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

  /** Returns true while a task of that name has not settled. */
  isBusy(name: string): boolean {
    return this.#last.has(name);
  }

  /** Resolves once every started task has settled. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}

function nothing(): void {}
