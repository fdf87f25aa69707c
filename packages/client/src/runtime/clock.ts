import { startTimer } from "@milepost/protocol";

/** Cancels a timer or a task; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Source of time and timers. Tests pass their own so that they need not wait. The gateway's `Clock` has the
 * same methods and can be used here.
 */
export interface ClientClock {
  /**
   * Returns the time in milliseconds since 1970. The time of the machine may jump, so use it for display only.
   */
  now(): number;
  /** Returns a time in milliseconds that never goes backwards. Use it for all measurements and deadlines. */
  monotonic(): number;
  /**
   * Runs `callback` once, `delayMs` from now at the earliest, never inside this call. The delay may be longer than
   * `setTimeout` can hold, which is about 24.8 days.
   */
  after(delayMs: number, callback: () => void): Cancel;
}

/** Clock of the machine. */
export const systemClock: ClientClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, callback) =>
    startTimer(delayMs, callback, (partMs, next) => {
      const timer = setTimeout(next, partMs);
      return () => clearTimeout(timer);
    }),
};
