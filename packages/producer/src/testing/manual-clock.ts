import { timerDelayMs } from "@milepost/protocol";
import type { Cancel, Clock } from "../clock.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Clock that only advances when a test advances it. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer = { at: this.#now + timerDelayMs(delayMs), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): Cancel {
    return this.after(0, callback);
  }

  /** Number of timers that have not run. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Runs every callback that is due now, and the promises and callbacks that follow from it. */
  settle(): Promise<void> {
    return this.advance(0);
  }

  /**
   * Advances the clock by `ms` milliseconds. Each due timer runs at its own time, after the promise reactions
   * of the timer before it have run.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await promisesSettled();
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next;
  }
}

/** Resolves once the reactions to all promises settled so far have run. */
export function promisesSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
