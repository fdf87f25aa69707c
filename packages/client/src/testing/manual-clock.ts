import type { Cancel, ClientClock } from "../runtime/clock.ts";

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** Lets everything that is ready run, promises of promises included. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements ClientClock {
  /** Milliseconds since 1970 at the start. */
  readonly startedAt = 1_700_000_000_000;
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;

  now(): number {
    return this.startedAt + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#timers.size;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = { due: this.#elapsedMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Lets time pass, timer by timer, and everything each one causes happen before the next. */
  async advance(byMs: number): Promise<void> {
    const end = this.#elapsedMs + byMs;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.due);
      next.callback();
      await settle();
    }
    this.#elapsedMs = end;
  }

  #next(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
    }
    return next;
  }
}
