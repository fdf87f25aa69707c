/** Cancels the callback that was scheduled; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time and scheduling, injected everywhere so that whole clusters run in a simulation.
 *
 * Guarantees: callbacks never run inside the call that schedules them; a cancelled callback never runs.
 */
export interface Clock {
  /**
   * Returns wall-clock time in milliseconds since 1970. It may jump: use it only for display and expiry dates.
   */
  now(): number;
  /**
   * Returns monotonic time in milliseconds, which never goes backwards. Use it for every measurement and
   * deadline.
   */
  monotonic(): number;
  /**
   * Runs `callback` once, `delayMs` from now at the earliest. The delay may be longer than one timer of the platform
   * can hold. A negative one, and one that is not a number, counts as 0.
   */
  after(delayMs: number, callback: () => void): Cancel;
  /** Runs `callback` at the end of this tick, after everything that has already arrived is handled. */
  soon(callback: () => void): Cancel;
}
