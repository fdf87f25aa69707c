import { MilepostError } from "@milepost/protocol";
import type { Clock } from "../ports/clock.ts";
import type { Records, StoredRecord } from "../ports/records.ts";
import { requireRecordFits } from "../record-bounds.ts";

/** Records of one space that may be held at a time. */
const defaultMaxRecords = 100_000;
/** Shortest time between two searches of a full space for records that have ended, in milliseconds. */
const searchIntervalMs = 1_000;

interface Held {
  readonly value: string;
  /** End of the record, in milliseconds of the monotonic clock. */
  readonly until: number;
}

interface Space {
  readonly records: Map<string, Held>;
  searchAt: number;
}

/**
 * Records of one process. A space that is full refuses new records and never drops one early.
 *
 * Each `put` looks at the two records that were looked at longest ago, so a space shrinks as it is used, without
 * a timer.
 */
export class MemoryRecords implements Records {
  readonly #clock: Clock;
  readonly #maxRecords: number;
  readonly #spaces = new Map<string, Space>();

  constructor(clock: Clock, maxRecords: number = defaultMaxRecords) {
    this.#clock = clock;
    this.#maxRecords = maxRecords;
  }

  async put(spaceName: string, name: string, value: string, ttlMs: number): Promise<void> {
    requireRecordFits(name, value);
    const now = this.#clock.monotonic();
    const space = this.#space(spaceName);
    forgetSome(space, now);
    space.records.delete(name);
    if (space.records.size >= this.#maxRecords) this.#makeRoom(space, now);
    space.records.set(name, { value, until: now + ttlMs });
  }

  async get(spaceName: string, name: string): Promise<StoredRecord | undefined> {
    const held = this.#spaces.get(spaceName)?.records.get(name);
    const left = held === undefined ? 0 : held.until - this.#clock.monotonic();
    if (held === undefined || left <= 0) return undefined;
    return { value: held.value, endsAt: this.#clock.now() + left };
  }

  async take(spaceName: string, name: string): Promise<StoredRecord | undefined> {
    const found = this.get(spaceName, name);
    this.#spaces.get(spaceName)?.records.delete(name);
    return found;
  }

  #space(name: string): Space {
    let space = this.#spaces.get(name);
    if (space === undefined) {
      space = { records: new Map(), searchAt: 0 };
      this.#spaces.set(name, space);
    }
    return space;
  }

  #makeRoom(space: Space, now: number): void {
    if (now >= space.searchAt) {
      space.searchAt = now + searchIntervalMs;
      for (const [name, { until }] of space.records) if (until <= now) space.records.delete(name);
    }
    if (space.records.size < this.#maxRecords) return;
    throw new MilepostError(
      "rate_limited",
      `this node holds ${this.#maxRecords} records already; try again later`,
    );
  }
}

function forgetSome({ records }: Space, now: number): void {
  for (let looked = 0; looked < 2; looked++) {
    const [oldest] = records;
    if (oldest === undefined) return;
    const [name, held] = oldest;
    records.delete(name);
    if (held.until > now) records.set(name, held);
  }
}
