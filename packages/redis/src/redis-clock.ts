import type { Clock } from "@milepost/engine";

/**
 * Redis' time as a node estimates it. Scripts use it, so that no node's own clock decides when something ends.
 */
export class RedisClock {
  readonly #clock: Clock;
  readonly #ahead: number;

  /** Creates a clock that begins at `redisNow`, the current time of Redis in milliseconds since 1970. */
  constructor(clock: Clock, redisNow: number) {
    this.#clock = clock;
    this.#ahead = redisNow - clock.monotonic();
  }

  /**
   * Returns the estimated time of Redis in whole milliseconds since 1970, as text for an argument of a script.
   */
  now(): string {
    return Math.round(this.#clock.monotonic() + this.#ahead).toFixed(0);
  }
}
