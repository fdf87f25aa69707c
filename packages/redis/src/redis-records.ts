import { type Records, requireRecordFits, type StoredRecord } from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Records of all nodes. Redis keeps one key for each, and bounds them by its memory. */
export class RedisRecords implements Records {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async put(space: string, name: string, value: string, ttlMs: number): Promise<void> {
    requireRecordFits(name, value);
    await this.#run(space, name, "put", value, Math.ceil(ttlMs).toFixed(0));
  }

  get(space: string, name: string): Promise<StoredRecord | undefined> {
    return this.#run(space, name, "get");
  }

  take(space: string, name: string): Promise<StoredRecord | undefined> {
    return this.#run(space, name, "take");
  }

  async #run(
    space: string,
    name: string,
    action: "put" | "get" | "take",
    ...rest: readonly string[]
  ): Promise<StoredRecord | undefined> {
    const args = [this.#clock.now(), action, ...rest];
    const answer = await this.#link.run(scripts.record, [this.#keys.record(space, name)], args);
    if (!Array.isArray(answer)) return undefined;
    const [endsAt, value] = answer.map(String);
    return { value: value ?? "", endsAt: Number(endsAt) };
  }
}
