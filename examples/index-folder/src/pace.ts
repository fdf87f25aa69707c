import { setTimeout as sleep } from "node:timers/promises";

/**
 * How many files a second the job reads; it finds their words at twice that. The work is the same at every
 * pace, it is only held back so that a person can watch it.
 */
export const filesPerSecond = {
  full: Number.POSITIVE_INFINITY,
  watchable: 50,
  slow: 10,
} as const;

/** How fast to go. */
export type Pace = keyof typeof filesPerSecond;

/** Whether `value` names a pace. */
export function isPace(value: unknown): value is Pace {
  return typeof value === "string" && Object.hasOwn(filesPerSecond, value);
}

/** Holds work back to a pace, and gives way to everything else in the process now and then. */
export interface Tempo {
  /** To be awaited before each file. Rejects once `signal` has aborted. */
  next(signal: AbortSignal): Promise<void>;
}

/** How long work may keep the process to itself. */
const sliceMs = 8;

/** The tempo of a pace. Time that was lost, for instance to a pause, is not made up for. */
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
