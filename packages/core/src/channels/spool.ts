import type { Appended, Clock, NewEntry, Random } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";

const maxEntries = 1_000;
const maxLength = 4 * 1_048_576;
const patienceMs = 30_000;
const retryMs = 250;
const tagLength = 8;

/**
 * Queue of publishes during an outage of the store: at most 1,000 publishes and 4 Mi characters of data per
 * node. Each publish is retried until it is stored or has waited 30 s.
 *
 * A publish is acknowledged only after it is stored. A publisher that receives `store_unavailable` does not
 * know whether its entry was stored. Repeating the publish with the same key within 10 minutes creates no
 * duplicate.
 */
export class Spool {
  readonly #clock: Clock;
  readonly #pause: (ms: number) => Promise<void>;
  #entries = 0;
  #length = 0;

  constructor(clock: Clock, pause: (ms: number) => Promise<void>) {
    this.#clock = clock;
    this.#pause = pause;
  }

  /** Number of publishes in the spool. */
  get size(): number {
    return this.#entries;
  }

  /** Reserves space for a publish of `length` characters; returns false when the spool is full. */
  enter(length: number): boolean {
    if (this.#entries >= maxEntries || this.#length + length > maxLength) return false;
    this.#entries++;
    this.#length += length;
    return true;
  }

  /** Releases the space of a publish of `length` characters. */
  leave(length: number): void {
    this.#entries--;
    this.#length -= length;
  }

  /**
   * Appends, and retries while the store is unavailable. Rethrows the store's error once 30 s have passed since
   * `since`, a monotonic time in milliseconds.
   */
  async append<T>(append: () => Promise<T>, since: number): Promise<T> {
    for (;;) {
      try {
        return await append();
      } catch (error) {
        if (!isAway(error) || this.#clock.monotonic() - since >= patienceMs) throw error;
        await this.#pause(retryMs);
      }
    }
  }
}

/**
 * Returns an append of one entry that can be repeated. An entry that an earlier attempt stored, although its
 * answer was lost, is no duplicate to the publisher. Each attempt has a tag of its own, because a store that lost
 * its tail must not store the same tag again.
 */
export function repeatable(
  append: (tag: string) => Promise<Appended>,
  entry: Pick<NewEntry, "json">,
  random: Random,
): () => Promise<Appended> {
  const tags = new Set<string>();
  return async () => {
    const tag = random.id(tagLength);
    tags.add(tag);
    const appended = await append(tag);
    const { publication, duplicate } = appended;
    if (!duplicate || !tags.has(publication.position.tag)) return appended;
    // The log may have trimmed the data since.
    return { publication: { ...publication, json: entry.json }, duplicate: false };
  };
}

/** Creates the error of a publish for which the spool has no room. */
export function noRoom(channel: string): MilepostError {
  return new MilepostError(
    "store_unavailable",
    `cannot queue the publish to ${channel}: too many publishes wait for the store; retry later`,
  );
}

/** Returns true for the error `store_unavailable`, after which a retry may succeed. */
export function isAway(error: unknown): boolean {
  return error instanceof MilepostError && error.code === "store_unavailable";
}
