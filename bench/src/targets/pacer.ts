import { monotonicUs } from "../measure/monotonic.ts";

/** Schedule of `ticks` ticks, `intervalMs` milliseconds apart; the first is due after one interval. */
export interface Pace {
  readonly ticks: number;
  readonly intervalMs: number;
}

/** Clock and timers that the pacer needs. */
export interface PacerClock {
  nowUs(): number;
  after(delayMs: number, callback: () => void): void;
  /** Runs `callback` in the next turn of the event loop. */
  nextTurn(callback: () => void): void;
}

const systemClock: PacerClock = {
  nowUs: monotonicUs,
  after: (delayMs, callback) => void setTimeout(callback, delayMs),
  nextTurn: (callback) => void setImmediate(callback),
};

/**
 * Calls `send` with the moment at which each tick is due, in microseconds; resolves after the last tick.
 *
 * The loop is open: the schedule never waits for the work. A late tick keeps its due moment. Late ticks are
 * sent one by one, each in its own turn of the event loop, so that ticks never merge. Rejects when `send`
 * throws.
 */
export function runPace(
  { ticks, intervalMs }: Pace,
  send: (dueUs: number) => void,
  clock: PacerClock = systemClock,
): Promise<void> {
  const startUs = clock.nowUs() + intervalMs * 1_000;
  return new Promise((resolve, reject) => {
    let sent = 0;
    const step = () => {
      const dueUs = Math.round(startUs + sent * intervalMs * 1_000);
      const waitMs = (dueUs - clock.nowUs()) / 1_000;
      if (waitMs > 0) {
        clock.after(waitMs, step);
        return;
      }
      try {
        send(dueUs);
      } catch (error) {
        reject(error);
        return;
      }
      sent += 1;
      if (sent === ticks) resolve();
      else clock.nextTurn(step);
    };
    step();
  });
}
