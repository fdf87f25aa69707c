/** Cancels what it was given for; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time and scheduling, injected so that tests decide when a moment passes.
 *
 * Guarantees: callbacks never run inside the call that schedules them; a cancelled callback never
 * runs. Shaped like the gateway's own clock, so one clock can drive both.
 */
export interface Clock {
  /** Milliseconds that never go backwards. */
  monotonic(): number;
  /** Runs `callback` once, `delayMs` from now at the earliest. */
  after(delayMs: number, callback: () => void): Cancel;
  /** Runs `callback` at the end of this tick. */
  soon(callback: () => void): Cancel;
}

/** The clock of the process. */
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
