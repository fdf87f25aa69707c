import type { Clock } from "@milepost/engine";

/**
 * Time of the store, in milliseconds since 1970. It never goes back, neither while the process runs nor over a restart:
 * it begins at the clock on the wall, but not before the last time that the file knows.
 */
export class StoreClock {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #ahead: number;

  constructor(clock: Pick<Clock, "monotonic" | "now">, lastKnown: number) {
    this.#clock = clock;
    this.#ahead = Math.max(clock.now(), lastKnown) - clock.monotonic();
  }

  now(): number {
    return Math.round(this.#clock.monotonic() + this.#ahead);
  }
}
