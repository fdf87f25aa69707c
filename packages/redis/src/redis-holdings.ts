import type { Held, Holding, Holdings } from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Holdings of all nodes. The items of one owner share a hash slot, so an account is one step on a cluster, too. */
export class RedisHoldings implements Holdings {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async hold(owner: string, holdings: readonly Holding[], maxItems: number): Promise<Held> {
    const args = [this.#clock.now(), String(maxItems)];
    for (const { item, bytes, maxBytes, keepMs } of holdings) {
      args.push(this.#keys.heldItem(item), String(bytes), String(maxBytes), String(keepMs));
    }
    const answer = await this.#link.run(scripts.hold, this.#keys.holdings(owner), args);
    const [items, bytes, refused] = answer as [number, string, number];
    return { items, bytes: Number(bytes), refused };
  }
}
