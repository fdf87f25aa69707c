import {
  type DeadLetter,
  type DeadLetterBounds,
  type DeadLetterQuery,
  type DeadLetterStore,
  matchesDeadLetter,
  type NewDeadLetter,
} from "@milepost/engine";
import type { Value } from "./driver/database.ts";
import type { PortParts } from "./port-parts.ts";

const suffixLength = 8;
const rowsAtOnce = 200;
const droppedName = "dead_letters_dropped";

/** Dead letters in the file, oldest first. */
export class SqliteDeadLetterStore implements DeadLetterStore {
  readonly #parts: PortParts;
  readonly #statements;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#statements = {
      bySource: store.prepare("SELECT number, id FROM dead_letter WHERE source = ?"),
      next: store.prepare(
        "SELECT coalesce(max(seq), 0) + 1 AS number FROM sqlite_sequence WHERE name = 'dead_letter'",
      ),
      put: store.prepare("INSERT OR REPLACE INTO dead_letter VALUES (?, ?, ?, ?, ?, ?)"),
      get: store.prepare("SELECT json FROM dead_letter WHERE id = ? AND until > ?"),
      page: store.prepare(
        "SELECT number, json FROM dead_letter WHERE number > ? AND until > ? ORDER BY number LIMIT ?",
      ),
      remove: store.prepare("DELETE FROM dead_letter WHERE id = ? RETURNING until"),
      sum: store.prepare(
        "SELECT count(*) AS kept, coalesce(sum(length), 0) AS length FROM dead_letter",
      ),
      count: store.prepare("SELECT count(*) AS kept FROM dead_letter WHERE until > ?"),
      oldest: store.prepare(
        "SELECT number, length, until FROM dead_letter ORDER BY number LIMIT 1",
      ),
      drop: store.prepare("DELETE FROM dead_letter WHERE number = ?"),
      dropped: store.prepare("SELECT value FROM meta WHERE name = ?"),
      countDropped: store.prepare(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
      ),
    };
  }

  put(deadLetter: NewDeadLetter, bounds: DeadLetterBounds): Promise<DeadLetter> {
    const { store, storeClock, random } = this.#parts;
    return store.step(() => {
      const before = this.#statements.bySource.get(deadLetter.source);
      const number = Number(before?.number ?? this.#statements.next.get()?.number);
      const id = String(before?.id ?? `${number}-${random.id(suffixLength)}`);
      const kept = { ...deadLetter, id };
      this.#statements.put.run(
        number,
        id,
        deadLetter.source,
        JSON.stringify(kept),
        deadLetter.entry.json?.length ?? 0,
        storeClock.now() + bounds.maxAgeMs,
      );
      this.#trim(bounds);
      return kept;
    });
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return this.#parts.store.read(() => {
      const row = this.#statements.get.get(id, this.#parts.storeClock.now());
      return row === undefined ? undefined : deadLetterOf(row.json);
    });
  }

  list(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const { store, storeClock } = this.#parts;
    return store.read(() => {
      let after = query.after === undefined ? 0 : Number.parseInt(query.after, 10);
      const found: DeadLetter[] = [];
      while (found.length < query.limit) {
        const rows = this.#statements.page.all(after, storeClock.now(), rowsAtOnce);
        for (const { number, json } of rows) {
          after = Number(number);
          const deadLetter = deadLetterOf(json);
          if (!matchesDeadLetter(deadLetter, query)) continue;
          found.push(deadLetter);
          if (found.length >= query.limit) break;
        }
        if (rows.length < rowsAtOnce) break;
      }
      return found;
    });
  }

  remove(id: string): Promise<boolean> {
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const row = this.#statements.remove.get(id);
      return row !== undefined && Number(row.until) > storeClock.now();
    });
  }

  count() {
    const { store, storeClock } = this.#parts;
    return store.read(() => ({
      kept: Number(this.#statements.count.get(storeClock.now())?.kept),
      dropped: Number(this.#statements.dropped.get(droppedName)?.value ?? 0),
    }));
  }

  #trim({ maxDeadLetters, maxLength }: DeadLetterBounds): void {
    const sum = this.#statements.sum.get();
    let kept = Number(sum?.kept);
    let length = Number(sum?.length);
    let dropped = 0;
    const now = this.#parts.storeClock.now();
    while (kept > 0) {
      const oldest = this.#statements.oldest.get();
      const isTooMuch = kept > maxDeadLetters || length > maxLength;
      if (oldest === undefined || (!isTooMuch && Number(oldest.until) > now)) break;
      this.#statements.drop.run(Number(oldest.number));
      kept--;
      length -= Number(oldest.length);
      dropped++;
    }
    if (dropped > 0) this.#statements.countDropped.run(droppedName, dropped);
  }
}

function deadLetterOf(json: Value | undefined): DeadLetter {
  return JSON.parse(String(json)) as DeadLetter;
}
