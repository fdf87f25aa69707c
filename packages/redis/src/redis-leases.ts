import type { AcquireOptions, Lease, Leases, Random } from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

const tokenLength = 32;
const rememberedMs = 24 * 3_600_000;

/** Leases that all nodes share. Redis decides each call in one atomic step. */
export class RedisLeases implements Leases {
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

  async acquire(name: string, ttlMs: number, options?: AcquireOptions) {
    const action = options?.force === true ? "force" : "acquire";
    const token = this.#random.id(tokenLength);
    return leaseOf(name, await this.#run(name, action, token, ttlMs, options?.holder));
  }

  async renew(name: string, token: string, ttlMs?: number) {
    return leaseOf(name, await this.#run(name, "renew", token, ttlMs));
  }

  async get(name: string) {
    return leaseOf(name, await this.#run(name, "get", ""));
  }

  async release(name: string, token: string) {
    return (await this.#run(name, "release", token)) === 1;
  }

  #run(name: string, action: string, token: string, ttlMs?: number, holder = ""): Promise<unknown> {
    const ttl = ttlMs === undefined ? "" : String(ttlMs);
    const args = [this.#clock.now(), action, token, ttl, String(rememberedMs), holder];
    return this.#link.run(scripts.lease, [this.#keys.lease(name)], args);
  }
}

function leaseOf(name: string, answer: unknown): Lease | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [token, fence, ttl, ends, since, holder = ""] = answer.map(String);
  return {
    name,
    token: token ?? "",
    fence: Number(fence),
    ttlMs: Number(ttl),
    expiresAt: Number(ends),
    since: Number(since),
    ...(holder === "" ? {} : { holder }),
  };
}
