import type { Held, Holding, Holdings } from "@milepost/engine";
import type { PortParts } from "./port-parts.ts";

/** Holdings in the file. */
export class SqliteHoldings implements Holdings {
  readonly #parts: PortParts;
  readonly #forget;
  readonly #get;
  readonly #put;
  readonly #sum;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#forget = store.prepare("DELETE FROM holding WHERE owner = ? AND until <= ?");
    this.#get = store.prepare("SELECT bytes, until FROM holding WHERE owner = ? AND item = ?");
    this.#put = store.prepare("INSERT OR REPLACE INTO holding VALUES (?, ?, ?, ?)");
    this.#sum = store.prepare(
      "SELECT count(*) AS items, coalesce(sum(bytes), 0) AS bytes FROM holding WHERE owner = ?",
    );
  }

  hold(owner: string, holdings: readonly Holding[], maxItems: number): Promise<Held> {
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const now = storeClock.now();
      this.#forget.run(owner, now);
      const sum = this.#sum.get(owner);
      let items = Number(sum?.items);
      let total = Number(sum?.bytes);
      let refused = 0;
      for (const { item, bytes, maxBytes, keepMs } of holdings) {
        const known = this.#get.get(owner, item);
        if (known === undefined && items >= maxItems) {
          refused++;
          continue;
        }
        const before = Number(known?.bytes ?? 0);
        const after = Math.max(before, Math.min(maxBytes, before + bytes));
        this.#put.run(owner, item, after, Math.max(Number(known?.until ?? 0), now + keepMs));
        if (known === undefined) items++;
        total += after - before;
      }
      return { items, bytes: total, refused };
    });
  }
}
