import type { Clock } from "@milepost/engine";

/**
 * Redis' time as a node estimates it. Scripts use it, so that no node's own clock decides when something ends.
 */
export class RedisClock {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #redisNow: () => number | undefined;
  #ahead: number | undefined;

  /**
   * Creates a clock that follows the node's clock from the first time of Redis that `redisNow` returns, in milliseconds
   * since 1970. `redisNow` returns undefined until the node has been connected.
   */
  constructor(clock: Pick<Clock, "now" | "monotonic">, redisNow: () => number | undefined) {
    this.#clock = clock;
    this.#redisNow = redisNow;
    this.#look();
  }

  /**
   * Returns the estimated time of Redis in whole milliseconds since 1970, as text for an argument of a script. Before
   * the first connection it is the node's own time.
   */
  now(): string {
    const ahead = this.#ahead ?? this.#look();
    const now = ahead === undefined ? this.#clock.now() : this.#clock.monotonic() + ahead;
    return Math.round(now).toFixed(0);
  }

  #look(): number | undefined {
    const redisNow = this.#redisNow();
    if (redisNow !== undefined) this.#ahead = redisNow - this.#clock.monotonic();
    return this.#ahead;
  }
}
