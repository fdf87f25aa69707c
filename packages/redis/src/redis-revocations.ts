import type { Random, Revocation, RevocationPage, Revocations } from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

const epochLength = 12;

/** Revocations for all nodes, in one hash slot. A cursor is `epoch:number`. */
export class RedisRevocations implements Revocations {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #random: Random;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock, random: Random) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
    this.#random = random;
  }

  async add(revocation: Revocation, ttlMs: number): Promise<void> {
    const now = this.#clock.now();
    const ends = (Number(now) + ttlMs).toFixed(0);
    const args = [now, ends, this.#random.id(epochLength), JSON.stringify(revocation)];
    await this.#link.run(scripts.revocationAdd, this.#keys.revocations(), args);
  }

  async read(cursor = ":0"): Promise<RevocationPage> {
    const [epoch = "", number = "0"] = cursor.split(":");
    const args = [this.#clock.now(), epoch, number];
    const answer = await this.#link.run(scripts.revocationRead, this.#keys.revocations(), args);
    const [nowEpoch = "", last = "0", ...found] = answer as readonly string[];
    return {
      revocations: found.map((json) => JSON.parse(json) as Revocation),
      cursor: `${nowEpoch}:${last}`,
    };
  }
}
