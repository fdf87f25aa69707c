import { setTimeout as sleep } from "node:timers/promises";

/**
 * Files per second that a job reads at each pace; it finds words at twice that rate. The work is the same at
 * every pace. It is only held back so that a person can watch it.
 */
export const filesPerSecond = {
  full: Number.POSITIVE_INFINITY,
  watchable: 50,
  slow: 10,
} as const;

/** Name of a pace. */
export type Pace = keyof typeof filesPerSecond;

/** Returns true when `value` is the name of a pace. */
export function isPace(value: unknown): value is Pace {
  return typeof value === "string" && Object.hasOwn(filesPerSecond, value);
}

/** Holds work back to a pace and yields to the rest of the process from time to time. */
export interface Tempo {
  /** Waits until the next file is due; call it before each file. Rejects once `signal` has aborted. */
  next(signal: AbortSignal): Promise<void>;
}

/** Longest time, in milliseconds, that work may run without yielding to the rest of the process. */
const sliceMs = 8;

/** Creates the tempo of a pace. It does not catch up on lost time, for instance after a pause. */
export function tempoOf(pace: Pace, now: () => number = () => performance.now()): Tempo {
  const spacingMs = 1000 / filesPerSecond[pace];
  let due = now();
  let sliceStart = due;
  return {
    async next(signal) {
      signal.throwIfAborted();
      const at = now();
      if (at < due) {
        await sleep(due - at, undefined, { signal });
        sliceStart = now();
      } else if (at - sliceStart >= sliceMs) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceStart = now();
        signal.throwIfAborted();
      }
      due = Math.max(due + spacingMs, at);
    },
  };
}
