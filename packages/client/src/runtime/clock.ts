/** Cancels a timer or a task; calling it again does nothing. */
export type Cancel = () => void;

/** Source of time, injected so that tests need not wait. The gateway's own clock fits, too. */
export interface ClientClock {
  /** Returns milliseconds since 1970. The value may jump, so use it for display only. */
  now(): number;
  /** Returns milliseconds that never go backwards, for every measurement and deadline. */
  monotonic(): number;
  /** Runs `callback` once, `delayMs` from now at the earliest, never inside this call. */
  after(delayMs: number, callback: () => void): Cancel;
}

/** Clock of the machine. */
export const systemClock: ClientClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
