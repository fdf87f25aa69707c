import {
  type DurationBounds,
  type Durations,
  type FinishedCase,
  type KindDurations,
  maxDurationCounts,
  requireCaseFits,
} from "@milepost/engine";
import type { PortParts } from "./port-parts.ts";

/** Durations in the file. The number of a kind rises with each case, so the kinds to drop have the lowest. */
export class SqliteDurations implements Durations {
  readonly #parts: PortParts;
  readonly #get;
  readonly #put;
  readonly #list;
  readonly #drop;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#get = store.prepare("SELECT records, counts FROM duration WHERE kind = ? AND until > ?");
    this.#put = store.prepare(
      "INSERT OR REPLACE INTO duration VALUES (?, ?, ?, (SELECT coalesce(max(number), 0) + 1 FROM duration), ?)",
    );
    this.#list = store.prepare(
      "SELECT kind, counts FROM duration WHERE until > ? ORDER BY number DESC LIMIT ?",
    );
    this.#drop = store.prepare(
      "DELETE FROM duration WHERE number <= (SELECT number FROM duration ORDER BY number DESC LIMIT 1 OFFSET ?)",
    );
  }

  async add(kind: string, finished: FinishedCase, bounds: DurationBounds): Promise<void> {
    requireCaseFits(kind, finished);
    const { store, storeClock } = this.#parts;
    await store.step(() => {
      const before = this.#find(kind);
      const records = [finished.record, ...(before?.records ?? [])].slice(0, bounds.maxRecords);
      const counts: Record<string, number> = { ...before?.counts };
      for (const [name, count] of Object.entries(finished.counts)) {
        const isNew = !Object.hasOwn(counts, name);
        if (isNew && Object.keys(counts).length >= maxDurationCounts) continue;
        counts[name] = (counts[name] ?? 0) + count;
      }
      if (Object.values(counts).some((count) => count >= bounds.maxCount)) {
        for (const name of Object.keys(counts)) counts[name] = (counts[name] ?? 0) / 2;
      }
      const until = storeClock.now() + bounds.keepMs;
      this.#put.run(kind, records.join("\n"), JSON.stringify(counts), until);
      this.#drop.run(bounds.maxKinds);
    });
  }

  get(kind: string): Promise<KindDurations | undefined> {
    return this.#parts.store.read(() => this.#find(kind));
  }

  list(limit: number): Promise<readonly KindDurations[]> {
    const { store, storeClock } = this.#parts;
    return store.read(() =>
      this.#list.all(storeClock.now(), limit).map((row) => ({
        kind: String(row.kind),
        records: [],
        counts: countsOf(row.counts),
      })),
    );
  }

  #find(kind: string): KindDurations | undefined {
    const row = this.#get.get(kind, this.#parts.storeClock.now());
    if (row === undefined) return undefined;
    return { kind, records: String(row.records).split("\n"), counts: countsOf(row.counts) };
  }
}

function countsOf(counts: unknown): Record<string, number> {
  return JSON.parse(String(counts)) as Record<string, number>;
}
