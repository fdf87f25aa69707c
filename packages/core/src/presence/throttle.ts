import type { Clock } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/**
 * Deadline that limits how often a function runs: at once after a pause, otherwise once per interval, in
 * milliseconds.
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

  /** Requests a run: at once after a pause, otherwise at the end of the interval. */
  request(): void {
    if (this.dueAt !== undefined) return;
    this.#wheel.set(this, this.#lastAt + this.#everyMs - this.#clock.monotonic());
  }

  override onDue(): void {
    this.#lastAt = this.#clock.monotonic();
    this.#run();
  }
}
