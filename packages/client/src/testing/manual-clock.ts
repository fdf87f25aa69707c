import { timerDelayMs } from "@milepost/protocol";
import type { Cancel, ClientClock } from "../runtime/clock.ts";

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/**
 * Runs 50 rounds of microtasks, so that all promises that can settle now have settled, nested ones included.
 */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** Clock that stands still until a test advances it. */
export class ManualClock implements ClientClock {
  /** Start time in milliseconds since 1970. */
  readonly startedAt = 1_700_000_000_000;
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;

  now(): number {
    return this.startedAt + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  /** Number of pending timers. */
  get timers(): number {
    return this.#timers.size;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = { due: this.#elapsedMs + timerDelayMs(delayMs), callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /**
   * Advances the time by `byMs` milliseconds, timer by timer; everything that one timer causes happens before
   * the next.
   */
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
