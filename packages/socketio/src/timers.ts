/** Time and randomness of a bridge. */
export interface Timers {
  /** Current time, in milliseconds since 1970. */
  now(): number;
  /** Calls back after some milliseconds; returns a function that cancels it. */
  after(ms: number, call: () => void): () => void;
  /** Returns a number from 0 up to, but not including, 1. */
  random(): number;
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
