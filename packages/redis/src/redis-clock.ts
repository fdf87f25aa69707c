import type { Clock } from "@milepost/engine";

/** Redis' time as a node knows it. Scripts use it, so that no node's own clock decides when something ends. */
export class RedisClock {
  readonly #clock: Clock;
  readonly #ahead: number;

  /** Starts at `redisNow`, Redis' time at this moment in milliseconds since 1970. */
  constructor(clock: Clock, redisNow: number) {
    this.#clock = clock;
    this.#ahead = redisNow - clock.monotonic();
  }

  /** Returns whole milliseconds since 1970, as an argument of a script. */
  now(): string {
    return Math.round(this.#clock.monotonic() + this.#ahead).toFixed(0);
  }
}
