import { maxSingleUseName, type SingleUse } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Used names of all nodes. Redis keeps one key for each, and bounds them by its memory. */
export class RedisSingleUse implements SingleUse {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async claim(space: string, name: string, ttlMs: number): Promise<boolean> {
    if (name.length > maxSingleUseName) {
      throw new MilepostError(
        "bad_message",
        `a name that is used once has at most ${maxSingleUseName} characters`,
      );
    }
    const args = [this.#clock.now(), Math.ceil(ttlMs).toFixed(0)];
    return (
      (await this.#link.run(scripts.singleUse, [this.#keys.singleUse(space, name)], args)) === 1
    );
  }
}
