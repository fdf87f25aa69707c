import {
  type DurationBounds,
  type Durations,
  type FinishedCase,
  type KindDurations,
  maxDurationCounts,
  requireCaseFits,
} from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Durations of all nodes. All kinds share a hash slot, so that their number is bounded in one step. */
export class RedisDurations implements Durations {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async add(kind: string, finished: FinishedCase, bounds: DurationBounds): Promise<void> {
    requireCaseFits(kind, finished);
    const { maxRecords, maxCount, maxKinds, keepMs } = bounds;
    const numbers = [maxRecords, maxCount, maxKinds, Math.ceil(keepMs), maxDurationCounts];
    const args = [this.#clock.now(), memberOf(kind), finished.record, ...numbers.map(String)];
    for (const [name, count] of Object.entries(finished.counts)) args.push(name, String(count));
    await this.#link.run(scripts.durationAdd, this.#keys.durations(), args);
  }

  async get(kind: string): Promise<KindDurations | undefined> {
    const answer = await this.#ask("get", memberOf(kind));
    if (answer === undefined) return undefined;
    const [records = "", counts = ""] = answer;
    return { kind, records: records.split("\n").slice(0, -1), counts: countsOf(counts) };
  }

  async list(limit: number): Promise<readonly KindDurations[]> {
    const answer = (await this.#ask("list", String(limit))) ?? [];
    const found: KindDurations[] = [];
    for (let i = 0; i + 1 < answer.length; i += 2) {
      const kind = JSON.parse(answer[i] ?? '""') as string;
      found.push({ kind, records: [], counts: countsOf(answer[i + 1] ?? "") });
    }
    return found;
  }

  async #ask(action: "get" | "list", what: string): Promise<readonly string[] | undefined> {
    const args = [this.#clock.now(), action, what];
    const answer = await this.#link.run(scripts.durationGet, this.#keys.durations(), args);
    return Array.isArray(answer) ? answer.map(String) : undefined;
  }
}

/** Returns a kind as a member of the keys. JSON keeps the halves of surrogate pairs apart, which UTF-8 does not. */
function memberOf(kind: string): string {
  return JSON.stringify(kind);
}

function countsOf(text: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  const parts = text.split(" ");
  for (let i = 0; i + 1 < parts.length; i += 2) counts[parts[i] ?? ""] = Number(parts[i + 1]);
  return counts;
}
