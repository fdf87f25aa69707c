import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Interval at which waiting claims try again although no signal came, in milliseconds. */
const retryMs = 2_000;

/** Parts of the node that {@link ClaimWaiters} uses. */
export interface ClaimWaitersContext {
  readonly wheel: TimerWheel;
  readonly onError: (error: unknown) => void;
}

/** Tries to claim for one waiting worker; undefined if there was nothing to claim. */
type Attempt<T> = () => Promise<T | undefined>;

class Waiter<T> extends Deadline {
  readonly attempt: Attempt<T>;
  readonly settle: (result: T | undefined) => void;
  readonly refuse: (error: unknown) => void;

  constructor(
    attempt: Attempt<T>,
    settle: (result: T | undefined) => void,
    refuse: (error: unknown) => void,
  ) {
    super();
    this.attempt = attempt;
    this.settle = settle;
    this.refuse = refuse;
  }

  override onDue(): void {
    this.settle(undefined);
  }
}

/** Claims of one queue that wait for a ticket, oldest first. */
class WaitingLine<T> extends Deadline {
  readonly waiters = new Set<Waiter<T>>();
  isTrying = false;
  /** True if something may have changed since the running attempt began. */
  isStale = false;
  readonly #retry: () => void;

  constructor(retry: () => void) {
    super();
    this.#retry = retry;
  }

  override onDue(): void {
    this.#retry();
  }
}

/**
 * Claims that wait at this node until a ticket comes or the capacity allows another one.
 *
 * A signal makes the oldest claim try again; while claims succeed, the next ones try too. Whatever the number of waiting workers,
 * a signal that brings nothing costs one attempt.
 */
export class ClaimWaiters<T> {
  readonly #context: ClaimWaitersContext;
  readonly #lines = new Map<string, WaitingLine<T>>();
  #isClosed = false;

  constructor(context: ClaimWaitersContext) {
    this.#context = context;
  }

  /** Waits up to `waitMs` milliseconds until an attempt succeeds. Undefined at the timeout or when the signal aborts. */
  wait(
    queue: string,
    waitMs: number,
    attempt: Attempt<T>,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    if (this.#isClosed || signal?.aborted === true) return Promise.resolve(undefined);
    const { wheel } = this.#context;
    const line = this.#lines.get(queue) ?? new WaitingLine<T>(() => this.wake(queue));
    this.#lines.set(queue, line);
    return new Promise((resolve, reject) => {
      const end = () => waiter.settle(undefined);
      const leave = () => {
        line.waiters.delete(waiter);
        wheel.clear(waiter);
        signal?.removeEventListener("abort", end);
        if (line.waiters.size > 0) return;
        wheel.clear(line);
        if (this.#lines.get(queue) === line) this.#lines.delete(queue);
      };
      const waiter: Waiter<T> = new Waiter(
        attempt,
        (result) => {
          leave();
          resolve(result);
        },
        (error) => {
          leave();
          reject(error);
        },
      );
      line.waiters.add(waiter);
      wheel.set(waiter, waitMs);
      if (line.dueAt === undefined) wheel.set(line, retryMs);
      signal?.addEventListener("abort", end, { once: true });
    });
  }

  /** Lets the claims of a queue try again, since there may be a ticket for them. */
  wake(queue: string): void {
    const line = this.#lines.get(queue);
    if (line === undefined) return;
    this.#context.wheel.set(line, retryMs);
    line.isStale = true;
    if (!line.isTrying) void this.#try(line).catch(this.#context.onError);
  }

  /** Ends all waits. */
  close(): void {
    this.#isClosed = true;
    for (const { waiters } of this.#lines.values()) {
      for (const waiter of [...waiters]) waiter.settle(undefined);
    }
  }

  async #try(line: WaitingLine<T>): Promise<void> {
    line.isTrying = true;
    try {
      while (line.isStale) {
        line.isStale = false;
        for (const waiter of [...line.waiters]) {
          if (!line.waiters.has(waiter)) continue;
          const result = await waiter.attempt().catch((error: unknown) => {
            waiter.refuse(error);
            return undefined;
          });
          if (result === undefined) break;
          waiter.settle(result);
        }
      }
    } finally {
      line.isTrying = false;
    }
  }
}
