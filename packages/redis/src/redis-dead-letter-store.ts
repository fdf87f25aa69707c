import {
  type DeadLetter,
  type DeadLetterBounds,
  type DeadLetterQuery,
  type DeadLetterStore,
  matchesDeadLetter,
  type NewDeadLetter,
  type Random,
} from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

const suffixLength = 8;
const page = 50;

/** Dead letters of all nodes. Everything is in one hash slot, so that each change is one atomic step. */
export class RedisDeadLetterStore implements DeadLetterStore {
  readonly #link: RedisLink;
  readonly #keys: readonly string[];
  readonly #clock: RedisClock;
  readonly #random: Random;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock, random: Random) {
    this.#link = link;
    this.#keys = keys.deadLetters();
    this.#clock = clock;
    this.#random = random;
  }

  async put(deadLetter: NewDeadLetter, bounds: DeadLetterBounds): Promise<DeadLetter> {
    const now = this.#clock.now();
    const id = await this.#link.run(scripts.letterPut, this.#keys, [
      now,
      String(Number(now) + bounds.maxAgeMs),
      this.#random.id(suffixLength),
      deadLetter.source,
      String(deadLetter.entry.json?.length ?? 0),
      JSON.stringify(deadLetter),
      String(bounds.maxDeadLetters),
      String(bounds.maxLength),
    ]);
    return { ...deadLetter, id: String(id) };
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    const found = await this.#link.run(scripts.letterGet, this.#keys, [this.#clock.now(), id]);
    return typeof found === "string" ? deadLetterOf(id, found) : undefined;
  }

  async list(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const found: DeadLetter[] = [];
    let after = query.after === undefined ? 0 : Number.parseInt(query.after, 10);
    while (found.length < query.limit) {
      const args = [this.#clock.now(), String(after), String(page)];
      const records = (await this.#link.run(scripts.letterPage, this.#keys, args)) as string[];
      for (let i = 0; i < records.length; i += 2) {
        const [id = "", text = ""] = records.slice(i, i + 2);
        after = Number.parseInt(id, 10);
        if (text === "") continue;
        const deadLetter = deadLetterOf(id, text);
        if (matchesDeadLetter(deadLetter, query)) found.push(deadLetter);
      }
      if (records.length < 2 * page) break;
    }
    return found.slice(0, query.limit);
  }

  async remove(id: string): Promise<boolean> {
    const args = [this.#clock.now(), id];
    return (await this.#link.run(scripts.letterRemove, this.#keys, args)) === 1;
  }

  async count() {
    const answer = await this.#link.run(scripts.letterCount, this.#keys, [this.#clock.now()]);
    const [kept, dropped] = answer as [number, number];
    return { kept, dropped };
  }
}

function deadLetterOf(id: string, text: string): DeadLetter {
  return { ...(JSON.parse(text) as NewDeadLetter), id };
}
