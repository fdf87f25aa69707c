import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Interval at which waiting claims try again although no signal came, in milliseconds. */
const retryMs = 2_000;

/** Parts of the node that {@link ClaimWaiters} uses. */
export interface ClaimWaitersContext<T> {
  readonly wheel: TimerWheel;
  /** Returns what an attempt has claimed for a worker that no longer waits for it. */
  readonly giveBack: (result: T) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Tries to claim for one waiting worker; undefined if there was nothing to claim. */
type Attempt<T> = () => Promise<T | undefined>;

class Waiter<T> extends Deadline {
  readonly attempt: Attempt<T>;
  readonly settle: (result: T | undefined) => void;
  readonly refuse: (error: unknown) => void;
  isTrying = false;
  /** True if its time was over while an attempt ran; it waits for the result of that. */
  isOver = false;

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
    if (this.isTrying) this.isOver = true;
    else this.settle(undefined);
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
  readonly #context: ClaimWaitersContext<T>;
  readonly #lines = new Map<string, WaitingLine<T>>();
  /** Attempts that run, each until nothing more can be claimed. */
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;

  constructor(context: ClaimWaitersContext<T>) {
    this.#context = context;
  }

  /**
   * Waits up to `waitMs` milliseconds until an attempt succeeds, and longer for one that runs then. Undefined at the timeout or
   * when the signal aborts. What an attempt claims after an abort is given back.
   */
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
    if (line.isTrying) return;
    const running = this.#try(line)
      .catch(this.#context.onError)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Ends all waits, and resolves once what running attempts have claimed is given back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { waiters } of this.#lines.values()) {
      for (const waiter of [...waiters]) waiter.settle(undefined);
    }
    await Promise.all(this.#running);
  }

  async #try(line: WaitingLine<T>): Promise<void> {
    const { giveBack, onError } = this.#context;
    line.isTrying = true;
    try {
      while (line.isStale) {
        line.isStale = false;
        for (const waiter of [...line.waiters]) {
          if (!line.waiters.has(waiter)) continue;
          waiter.isTrying = true;
          const result = await waiter.attempt().catch((error: unknown) => {
            waiter.refuse(error);
            return undefined;
          });
          waiter.isTrying = false;
          const isHere = line.waiters.has(waiter);
          if (isHere && (result !== undefined || waiter.isOver)) waiter.settle(result);
          if (result === undefined) break;
          if (!isHere) await giveBack(result).catch(onError);
        }
      }
    } finally {
      line.isTrying = false;
    }
  }
}
