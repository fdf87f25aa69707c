import { type Records, requireRecordFits, type StoredRecord } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { PortParts } from "./port-parts.ts";

/** Records of one space that may be held at a time. */
const maxRecords = 100_000;

/** Records in the file. A space that is full refuses new records and never drops one early. */
export class SqliteRecords implements Records {
  readonly #parts: PortParts;
  readonly #count;
  readonly #get;
  readonly #put;
  readonly #remove;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#count = store.prepare(
      "SELECT count(*) AS held FROM (SELECT 1 FROM record WHERE space = ? LIMIT ?)",
    );
    this.#get = store.prepare("SELECT value, until FROM record WHERE space = ? AND name = ?");
    this.#put = store.prepare("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)");
    this.#remove = store.prepare("DELETE FROM record WHERE space = ? AND name = ?");
  }

  async put(space: string, name: string, value: string, ttlMs: number): Promise<void> {
    requireRecordFits(name, value);
    await this.#parts.store.step(() => {
      this.#parts.store.requireRoom();
      const isNew = this.#get.get(space, name) === undefined;
      if (isNew && this.#held(space) >= maxRecords) throw tooMany();
      this.#put.run(space, name, value, this.#parts.storeClock.now() + ttlMs);
    });
  }

  get(space: string, name: string): Promise<StoredRecord | undefined> {
    return this.#parts.store.read(() => this.#find(space, name));
  }

  take(space: string, name: string): Promise<StoredRecord | undefined> {
    return this.#parts.store.step(() => {
      const found = this.#find(space, name);
      this.#remove.run(space, name);
      return found;
    });
  }

  #held(space: string): number {
    return Number(this.#count.get(space, maxRecords)?.held);
  }

  #find(space: string, name: string): StoredRecord | undefined {
    const row = this.#get.get(space, name);
    const leftMs = Number(row?.until ?? 0) - this.#parts.storeClock.now();
    if (row === undefined || leftMs <= 0) return undefined;
    return { value: String(row.value), endsAt: this.#parts.clock.now() + leftMs };
  }
}

function tooMany(): MilepostError {
  return new MilepostError(
    "rate_limited",
    `this gateway holds ${maxRecords} records already; try again later`,
  );
}
