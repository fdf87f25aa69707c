import type { Clock } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Something that is done at once when it is asked for after a pause, and otherwise once in so many milliseconds. */
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

  /** Has it done in its next turn. */
  request(): void {
    if (this.dueAt !== undefined) return;
    this.#wheel.set(this, this.#lastAt + this.#everyMs - this.#clock.monotonic());
  }

  override onDue(): void {
    this.#lastAt = this.#clock.monotonic();
    this.#run();
  }
}
