import { MilepostError } from "@milepost/protocol";

/** Tools that {@link OrderedSends} needs. */
export interface SendTools {
  /** Publishes an event. A repeated call with the same key stores nothing again. */
  readonly publish: (
    channel: string,
    event: string,
    data: unknown,
    options: { readonly key: string },
  ) => Promise<unknown>;
  /** Returns a new random id. */
  readonly newKey: () => string;
  /** Calls a function after some milliseconds. */
  readonly after: (ms: number, call: () => void) => unknown;
  /** Receives the error of each update that was refused or given up. */
  readonly onProblem: (error: MilepostError) => void;
}

interface Waiting {
  readonly event: string;
  readonly data: unknown;
  readonly key: string;
  readonly replaces: boolean;
  readonly resolve: (sent: boolean) => void;
  readonly reject: (error: MilepostError) => void;
}

/** Maximum number of updates for one channel that wait; a further one is refused. */
export const maxWaitingUpdates = 100;
/** Waits before an update is tried again, in milliseconds. After the last one it is given up. */
export const updateRetriesMs = [100, 300, 1_000, 3_000] as const;

/**
 * Sends the updates of each channel one after another, so that they are stored in the order of the calls. While one
 * is being sent, an update that replaces an earlier one of the same event takes the place of it.
 */
export class OrderedSends {
  readonly #tools: SendTools;
  /** Waiting updates by channel. A channel is present while one of its updates is being sent. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(tools: SendTools) {
    this.#tools = tools;
  }

  /** Resolves with true once the update is stored, and with false if a later one took its place. */
  send(channel: string, event: string, data: unknown, replaces: boolean): Promise<boolean> {
    return this.#handled(
      new Promise<boolean>((resolve, reject) => {
        const key = this.#tools.newKey();
        this.#add(channel, { event, data, key, replaces, resolve, reject });
      }),
    );
  }

  /** Returns a promise that rejects with an error, and reports the error. */
  refuse(error: MilepostError): Promise<never> {
    return this.#handled(Promise.reject(error));
  }

  #add(channel: string, update: Waiting): void {
    const line = this.#lines.get(channel);
    if (line === undefined) {
      this.#lines.set(channel, []);
      void this.#drain(channel, update);
      return;
    }
    if (update.replaces) {
      const index = line.findIndex(({ event, replaces }) => replaces && event === update.event);
      if (index >= 0) for (const replaced of line.splice(index, 1)) replaced.resolve(false);
    }
    if (line.length < maxWaitingUpdates) {
      line.push(update);
      return;
    }
    update.reject(
      new MilepostError(
        "rate_limited",
        `${maxWaitingUpdates} updates for ${channel} wait already; send fewer, or wait for them`,
      ),
    );
  }

  async #drain(channel: string, first: Waiting): Promise<void> {
    let update: Waiting | undefined = first;
    while (update !== undefined) {
      try {
        await this.#publish(channel, update);
        update.resolve(true);
      } catch (error) {
        update.reject(
          error instanceof MilepostError
            ? error
            : new MilepostError("internal", `the update failed: ${error}`, { cause: error }),
        );
      }
      update = this.#lines.get(channel)?.shift();
    }
    this.#lines.delete(channel);
  }

  async #publish(channel: string, { event, data, key }: Waiting): Promise<void> {
    for (const waitMs of [...updateRetriesMs, undefined]) {
      try {
        await this.#tools.publish(channel, event, data, { key });
        return;
      } catch (error) {
        const mayHelp = error instanceof MilepostError && error.retryable;
        if (!mayHelp || waitMs === undefined) throw error;
        await new Promise<void>((resolve) => {
          this.#tools.after(waitMs, resolve);
        });
      }
    }
  }

  /** Reports a rejection, so that a promise that nobody awaits ends no process. */
  #handled<T>(promise: Promise<T>): Promise<T> {
    promise.catch((error: MilepostError) => this.#tools.onProblem(error));
    return promise;
  }
}
