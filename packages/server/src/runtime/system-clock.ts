import type { Cancel, Clock } from "@milepost/engine";

/** The clock of the machine. Its timers keep a process alive only as long as something else does. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback): Cancel {
    // A longer delay than setTimeout can hold would fire at once.
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), longestTimeoutMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon(callback): Cancel {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};

const longestTimeoutMs = 2 ** 31 - 1;
