/** Cancels what it was given for; calling it again does nothing. */
export type Cancel = () => void;

/** Time, injected so that tests need not wait. The service's own clock fits too. */
export interface ClientClock {
  /** Milliseconds since 1970; may jump. For showing only. */
  now(): number;
  /** Milliseconds that never go backwards. For every measurement and deadline. */
  monotonic(): number;
  /** Runs `callback` once, `delayMs` from now at the earliest, never inside this call. */
  after(delayMs: number, callback: () => void): Cancel;
}

/** The clock of the machine. */
export const systemClock: ClientClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
