/** Cancels what it was given for; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time and scheduling, injected everywhere so that whole clusters run in a simulation.
 *
 * Guarantees: callbacks never run inside the call that schedules them; a cancelled callback never runs.
 */
export interface Clock {
  /** Milliseconds since 1970; may jump. For showing and for expiry dates only. */
  now(): number;
  /** Milliseconds that never go backwards. For every measurement and deadline. */
  monotonic(): number;
  /** Runs `callback` once, `delayMs` from now at the earliest. */
  after(delayMs: number, callback: () => void): Cancel;
  /** Runs `callback` at the end of this tick, after everything that has already arrived is handled. */
  soon(callback: () => void): Cancel;
}
