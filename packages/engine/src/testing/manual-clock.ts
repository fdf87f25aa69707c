import { timerDelayMs } from "@milepost/protocol";
import type { Cancel, Clock } from "../ports/clock.ts";

/** Maximum number of rounds of `soon` callbacks without time passing. More rounds count as an endless loop. */
const maxRounds = 10_000;

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * Clock that moves only when a test advances it.
 *
 * `advance` runs the timers that become due, in time order, and after each timer everything that it triggers.
 * `settle` runs everything that can run without time passing. Neither waits for real time.
 */
export class ManualClock implements Clock {
  #monotonic = 0;
  #wall: number;
  #order = 0;
  readonly #timers = new Set<Timer>();
  #soon = new Set<() => void>();

  /** Creates a clock whose wall-clock time is `startsAt`, in milliseconds since 1970. */
  constructor(startsAt = Date.UTC(2026, 0, 1)) {
    this.#wall = startsAt;
  }

  /** Number of pending timers. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = {
      at: this.#monotonic + timerDelayMs(delayMs),
      order: this.#order++,
      callback,
    };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): Cancel {
    const own = () => callback();
    this.#soon.add(own);
    return () => this.#soon.delete(own);
  }

  /** Shifts the wall clock by `ms` milliseconds; monotonic time does not change. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Runs the `soon` callbacks and promise reactions until none is left, without time passing. */
  async settle(): Promise<void> {
    for (let round = 0; ; round++) {
      await allMicrotasks();
      if (this.#soon.size === 0) return;
      if (round > maxRounds)
        throw new Error(
          "callbacks keep scheduling more work without time passing; look for an endless loop of soon()",
        );
      const due = this.#soon;
      this.#soon = new Set();
      for (const callback of due) callback();
    }
  }

  /** Advances time by `ms` milliseconds. */
  async advance(ms: number): Promise<void> {
    const until = this.#monotonic + ms;
    await this.settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#moveTo(Math.max(next.at, this.#monotonic));
      this.#timers.delete(next);
      next.callback();
      await this.settle();
    }
    this.#moveTo(until);
    await this.settle();
  }

  /**
   * Advances time until the promise settles, by one hour at most. Rejects when the promise has not settled by
   * then.
   */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const end = () => {
      done = true;
    };
    promise.then(end, end);
    await this.settle();
    for (let passed = 0; !done && passed < 3_600_000; passed += 50) await this.advance(50);
    if (!done) throw new Error("the promise did not settle within an hour of the manual clock");
    return promise;
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > until) continue;
      if (
        next === undefined ||
        timer.at < next.at ||
        (timer.at === next.at && timer.order < next.order)
      ) {
        next = timer;
      }
    }
    return next;
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}

// The package compiles without node types, so that its sources cannot use a real timer. Only this file needs one.
declare function setImmediate(callback: () => void): void;

/** Resolves once all promise reactions that can run have run: the event loop runs them before an immediate. */
function allMicrotasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
