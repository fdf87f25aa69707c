import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Number of arguments of one call at most, and of characters. */
const maxArguments = 600;
const maxLength = 1_048_576;

/** Writes whole keys, large ones in parts, so that no call holds up Redis for long. */
export class KeyWriter {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** Writes a hash in place of what is there. Without fields there is no key afterwards. */
  hash(key: string, ttlMs: number, fields: Iterable<readonly [string, string]>): Promise<void> {
    return this.#write(key, "hash", ttlMs, fields);
  }

  /** Writes a sorted set of scores and members in place of what is there. */
  sortedSet(
    key: string,
    ttlMs: number,
    members: Iterable<readonly [score: number, member: string]>,
  ): Promise<void> {
    return this.#write(key, "zset", ttlMs, scored(members));
  }

  /** Writes a stream of offsets, bytes and entries in place of what is there. */
  stream(
    key: string,
    ttlMs: number,
    entries: Iterable<readonly [offset: string, bytes: string, entry: string]>,
  ): Promise<void> {
    return this.#write(key, "stream", ttlMs, entries);
  }

  /** Writes a string in place of what is there. Without a value there is no key afterwards. */
  string(key: string, ttlMs: number, value: string | undefined): Promise<void> {
    return this.#write(key, "string", ttlMs, value === undefined ? [] : [[value]]);
  }

  /** Adds fields to a hash that other writers use, too. */
  addToHash(
    key: string,
    ttlMs: number,
    fields: Iterable<readonly [string, string]>,
  ): Promise<void> {
    return this.#write(key, "hash", ttlMs, fields, false);
  }

  /** Adds a member to a sorted set that other writers use, too. */
  addToSortedSet(key: string, ttlMs: number, score: number, member: string): Promise<void> {
    return this.#write(key, "zset", ttlMs, scored([[score, member]]), false);
  }

  async #write(
    key: string,
    kind: string,
    ttlMs: number,
    items: Iterable<readonly string[]>,
    replaces = true,
  ): Promise<void> {
    let isFirst = replaces;
    let part: string[] = [];
    let length = 0;
    const send = async () => {
      if (part.length === 0) return;
      const args = [kind, Math.ceil(ttlMs).toFixed(0), isFirst ? "first" : "more", ...part];
      await this.#link.run(scripts.restoreKey, [key], args);
      isFirst = false;
      part = [];
      length = 0;
    };
    for (const item of items) {
      part.push(...item);
      for (const text of item) length += text.length;
      if (part.length >= maxArguments || length >= maxLength) await send();
    }
    await send();
    if (isFirst) await this.#link.remove([key]);
  }
}

function* scored(members: Iterable<readonly [number, string]>): Iterable<readonly string[]> {
  for (const [score, member] of members) yield [score.toFixed(0), member];
}
