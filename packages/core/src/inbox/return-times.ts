import type { Clock } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

const maxTimes = 1_000;
/** Time by which the clock of the store may be behind, in milliseconds. */
const marginMs = 100;

/**
 * Times at which snoozes that this node has stored end, on one deadline. They make an item come back at its time; the
 * sweep brings back those that this node does not know, within a few seconds.
 */
export class ReturnTimes extends Deadline {
  readonly #wheel: TimerWheel;
  readonly #clock: Clock;
  readonly #onTime: () => void;
  /** Times on the monotonic clock, the earliest first. */
  #times: number[] = [];

  constructor(wheel: TimerWheel, clock: Clock, onTime: () => void) {
    super();
    this.#wheel = wheel;
    this.#clock = clock;
    this.#onTime = onTime;
  }

  /** Adds a time, `inMs` milliseconds from now. Beyond 1,000 times, the latest is left to the sweep. */
  add(inMs: number): void {
    this.#times.push(this.#clock.monotonic() + inMs + marginMs);
    this.#times.sort((a, b) => a - b);
    if (this.#times.length > maxTimes) this.#times.length = maxTimes;
    this.#set();
  }

  override onDue(): void {
    const now = this.#clock.monotonic();
    this.#times = this.#times.filter((time) => time > now);
    this.#set();
    this.#onTime();
  }

  close(): void {
    this.#times = [];
    this.#wheel.clear(this);
  }

  #set(): void {
    const [first] = this.#times;
    if (first !== undefined) this.#wheel.set(this, Math.max(0, first - this.#clock.monotonic()));
  }
}
