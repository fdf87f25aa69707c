import type { Cancel, Clock } from "@milepost/engine";
import { timerDelayMs } from "@milepost/protocol";

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Number of events in one moment above which the simulation counts as a loop without progress. */
const maxAtOnce = 200_000;

/**
 * Time of a simulation: a queue of events, run in the order of their time and, within one moment, of their
 * scheduling.
 *
 * Between two events the event loop turns once, so that every promise reaction that can run has run. Nothing
 * else runs in the process, so the same events always run in the same order.
 */
export class VirtualTime {
  readonly #heap: Event[] = [];
  #monotonic = 0;
  #wallOffset: number;
  #order = 0;

  constructor(startsAt = Date.UTC(2026, 0, 1)) {
    this.#wallOffset = startsAt;
  }

  get wallOffset(): number {
    return this.#wallOffset;
  }

  now(): number {
    return Math.floor(this.#monotonic) + this.#wallOffset;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** Moves the wall clock by `ms`; the monotonic clock does not change. */
  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.at(this.#monotonic + timerDelayMs(delayMs), run);
  }

  at(time: number, run: () => void): Cancel {
    const event: Event = { at: Math.max(time, this.#monotonic), order: this.#order++, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /**
   * Runs everything due up to `until`, or stops once `isOver` returns true after a step. Rejects with the error
   * that an event throws.
   */
  run(until: number, isOver: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      let atOnce = 0;
      const turn = () => {
        if (isOver()) {
          resolve();
          return;
        }
        let next = this.#heap[0];
        while (next !== undefined && next.run === undefined) {
          this.#pop();
          next = this.#heap[0];
        }
        if (next === undefined || next.at > until) {
          this.#monotonic = Math.max(this.#monotonic, until);
          resolve();
          return;
        }
        this.#pop();
        atOnce = next.at > this.#monotonic ? 0 : atOnce + 1;
        if (atOnce > maxAtOnce) {
          reject(new Error(`the simulated time does not advance beyond ${this.#monotonic} ms`));
          return;
        }
        this.#monotonic = next.at;
        try {
          next.run?.();
        } catch (error) {
          reject(error);
          return;
        }
        setImmediate(turn);
      };
      setImmediate(turn);
    });
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      const right = heap[child + 1];
      const left = heap[child];
      if (left === undefined) break;
      let least = left;
      if (right !== undefined && isBefore(right, left)) {
        child++;
        least = right;
      }
      if (!isBefore(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Clock of one process; its timers end with the process. */
export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  readonly #pending = new Set<Cancel>();
  #dead = false;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Number of callbacks that wait. */
  get pending(): number {
    return this.#pending.size;
  }

  now(): number {
    return this.#time.now();
  }

  monotonic(): number {
    return this.#time.monotonic();
  }

  after(delayMs: number, callback: () => void): Cancel {
    if (this.#dead) return () => {};
    const cancelEvent = this.#time.after(delayMs, () => {
      this.#pending.delete(cancel);
      callback();
    });
    const cancel = () => {
      this.#pending.delete(cancel);
      cancelEvent();
    };
    this.#pending.add(cancel);
    return cancel;
  }

  soon(callback: () => void): Cancel {
    return this.after(0, callback);
  }

  /** Resolves after `ms` milliseconds; never once the process has ended. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** Ends the process: none of its timers runs any more. */
  kill(): void {
    this.#dead = true;
    for (const cancel of [...this.#pending]) cancel();
  }
}
