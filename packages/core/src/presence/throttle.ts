import type { Clock } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/**
 * Limits a function to one run per interval, given in milliseconds. A requested run starts at once if the last
 * run is at least one interval ago, otherwise at the end of the interval.
 */
export class Throttle extends Deadline {
  readonly #wheel: TimerWheel;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #run: () => void;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(wheel: TimerWheel, clock: Clock, everyMs: number, run: () => void) {
    super();
    this.#wheel = wheel;
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#run = run;
  }

  /**
   * Requests a run: at once if the last run is at least one interval ago, otherwise at the end of the interval.
   */
  request(): void {
    if (this.dueAt !== undefined) return;
    this.#wheel.set(this, this.#lastAt + this.#everyMs - this.#clock.monotonic());
  }

  override onDue(): void {
    this.#lastAt = this.#clock.monotonic();
    this.#run();
  }
}
