import type { Cancel, Clock } from "@milepost/engine";

/** Clock of the machine. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback): Cancel {
    // setTimeout would fire at once for a delay that is longer than it can hold.
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
