import {
  type Deliveries,
  type DeliveryBounds,
  type FurtherAttempt,
  requireDeliveryFits,
  type TakenDelivery,
  tooManyDeliveries,
  type WaitingDelivery,
} from "@milepost/engine";
import type { PortParts } from "./port-parts.ts";

/** Deliveries in the file. Ids of finished deliveries are forgotten in the order in which they were finished. */
export class SqliteDeliveries implements Deliveries {
  readonly #parts: PortParts;
  readonly #statements;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#statements = {
      known: store.prepare(
        "SELECT 1 AS known FROM delivery WHERE id = ?1 UNION ALL SELECT 1 FROM finished_delivery WHERE id = ?1 AND until > ?2",
      ),
      count: store.prepare("SELECT count(*) AS waiting FROM delivery"),
      add: store.prepare("INSERT INTO delivery VALUES (?, ?, ?, 0, 0)"),
      due: store.prepare(
        "SELECT id, content, attempts FROM delivery WHERE due_at <= ? ORDER BY due_at LIMIT ?",
      ),
      claim: store.prepare("UPDATE delivery SET due_at = ?, attempts = ?, claim = ? WHERE id = ?"),
      nextClaim: store.prepare(
        "INSERT INTO meta VALUES ('delivery_claim', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
      ),
      waiting: store.prepare("SELECT claim FROM delivery WHERE id = ?"),
      list: store.prepare(
        "SELECT id, content, attempts, claim, due_at FROM delivery ORDER BY due_at LIMIT ? OFFSET ?",
      ),
      dueOf: store.prepare("SELECT due_at, claim FROM delivery WHERE id = ?"),
      hasten: store.prepare("UPDATE delivery SET due_at = ? WHERE id = ?"),
      again: store.prepare("UPDATE delivery SET due_at = ?, claim = 0 WHERE id = ?"),
      anew: store.prepare("UPDATE delivery SET content = ?, attempts = 0 WHERE id = ?"),
      remove: store.prepare("DELETE FROM delivery WHERE id = ?"),
      finish: store.prepare("INSERT OR REPLACE INTO finished_delivery (id, until) VALUES (?, ?)"),
      forget: store.prepare(
        "DELETE FROM finished_delivery WHERE number <= (SELECT number FROM finished_delivery ORDER BY number DESC LIMIT 1 OFFSET ?)",
      ),
    };
  }

  async add(
    id: string,
    content: string,
    dueInMs: number,
    { maxWaiting }: DeliveryBounds,
  ): Promise<boolean> {
    requireDeliveryFits(id, content);
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const now = storeClock.now();
      if (this.#statements.known.get(id, now) !== undefined) return false;
      store.requireRoom();
      if (this.#waiting() >= maxWaiting) throw tooManyDeliveries();
      this.#statements.add.run(id, content, now + dueInMs);
      return true;
    });
  }

  take(limit: number, leaseMs: number): Promise<readonly TakenDelivery[]> {
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const now = storeClock.now();
      return this.#statements.due.all(now, limit).map((row) => {
        const id = String(row.id);
        const attempt = Number(row.attempts) + 1;
        const claim = Number(this.#statements.nextClaim.get()?.value);
        this.#statements.claim.run(now + leaseMs, attempt, claim, id);
        return { id, content: String(row.content), attempt, claim: String(claim) };
      });
    });
  }

  async settle(
    { id, claim }: Pick<TakenDelivery, "id" | "claim">,
    further: FurtherAttempt | undefined,
    { maxWaiting, keepMs }: DeliveryBounds,
  ): Promise<boolean> {
    requireDeliveryFits(id, further?.content);
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const waiting = this.#statements.waiting.get(id);
      if (waiting === undefined || String(waiting.claim) !== claim) return false;
      const now = storeClock.now();
      if (further === undefined) {
        this.#statements.remove.run(id);
        this.#statements.finish.run(id, now + keepMs);
        this.#statements.forget.run(maxWaiting);
        return true;
      }
      this.#statements.again.run(now + further.dueInMs, id);
      if (further.content !== undefined) this.#statements.anew.run(further.content, id);
      return true;
    });
  }

  list(limit: number, skip = 0): Promise<readonly WaitingDelivery[]> {
    const { store, storeClock } = this.#parts;
    return store.read(() => {
      const now = storeClock.now();
      return this.#statements.list.all(limit, skip).map((row) => {
        const dueInMs = Number(row.due_at) - now;
        return {
          id: String(row.id),
          content: String(row.content),
          attempts: Number(row.attempts),
          dueInMs,
          isTaken: Number(row.claim) !== 0 && dueInMs > 0,
        };
      });
    });
  }

  hasten(id: string): Promise<boolean> {
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const now = storeClock.now();
      const row = this.#statements.dueOf.get(id);
      if (row === undefined || (Number(row.claim) !== 0 && Number(row.due_at) > now)) return false;
      if (Number(row.due_at) > now) this.#statements.hasten.run(now, id);
      return true;
    });
  }

  count(): Promise<number> {
    return this.#parts.store.read(() => this.#waiting());
  }

  #waiting(): number {
    return Number(this.#statements.count.get()?.waiting);
  }
}
