import type { Revocation, RevocationPage, Revocations } from "@milepost/engine";
import type { PortParts } from "./port-parts.ts";

const pageLength = 1_000;

/** Revocations in the file. Their numbers never begin again, so a cursor of before a restart is still valid. */
export class SqliteRevocations implements Revocations {
  readonly #parts: PortParts;
  readonly #add;
  readonly #last;
  readonly #page;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#add = store.prepare("INSERT INTO revocation (json, until) VALUES (?, ?)");
    this.#last = store.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'revocation'");
    this.#page = store.prepare(
      "SELECT number, json FROM revocation WHERE number > ? AND until > ? ORDER BY number LIMIT ?",
    );
  }

  async add(revocation: Revocation, ttlMs: number): Promise<void> {
    const { store, storeClock } = this.#parts;
    await store.step(() => this.#add.run(JSON.stringify(revocation), storeClock.now() + ttlMs));
  }

  read(cursor = "0"): Promise<RevocationPage> {
    const { store, storeClock } = this.#parts;
    return store.read(() => {
      // A cursor beyond the last number comes from a store that knew more, so reading starts over.
      const after = Number(cursor) > Number(this.#last.get()?.seq ?? 0) ? 0 : Number(cursor);
      const rows = this.#page.all(after, storeClock.now(), pageLength);
      return {
        revocations: rows.map(({ json }) => JSON.parse(String(json)) as Revocation),
        cursor: String(rows.at(-1)?.number ?? after),
      };
    });
  }
}
