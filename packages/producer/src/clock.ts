/** Cancels the scheduled callback or hold that it was returned for. Calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time and scheduling, injected so that tests decide when a moment passes.
 *
 * Guarantees: callbacks never run inside the call that schedules them; a cancelled callback never
 * runs. Shaped like the gateway's own clock, so one clock can drive both.
 */
export interface Clock {
  /** Returns the current time in milliseconds, from a source that never goes backwards. */
  monotonic(): number;
  /** Runs `callback` once, after at least `delayMs` milliseconds. */
  after(delayMs: number, callback: () => void): Cancel;
  /** Runs `callback` at the end of this tick. */
  soon(callback: () => void): Cancel;
}

/** Clock of this process: `performance.now`, `setTimeout` and `setImmediate`. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  soon(callback) {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
