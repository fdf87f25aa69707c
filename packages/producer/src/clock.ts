import { startTimer } from "@milepost/protocol";

/**
 * Cancels the scheduled callback, or releases the hold, for which it was returned. Calling it again does
 * nothing.
 */
export type Cancel = () => void;

/**
 * Source of time and scheduling. Tests inject their own and decide when time passes.
 *
 * Guarantees: a callback never runs inside the call that schedules it; a cancelled callback never runs. The
 * interface matches that of the gateway's clock, so one clock can drive both.
 */
export interface Clock {
  /** Returns the current time in milliseconds, from a source that never goes backwards. */
  monotonic(): number;
  /**
   * Runs `callback` once, after at least `delayMs` milliseconds. The delay may be longer than `setTimeout` can hold,
   * which is about 24.8 days.
   */
  after(delayMs: number, callback: () => void): Cancel;
  /** Runs `callback` at the end of the current tick of the event loop. */
  soon(callback: () => void): Cancel;
}

/** Clock of this process: `performance.now`, `setTimeout` and `setImmediate`. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  after: (delayMs, callback) =>
    startTimer(delayMs, callback, (partMs, next) => {
      const timer = setTimeout(next, partMs);
      return () => clearTimeout(timer);
    }),
  soon(callback) {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
