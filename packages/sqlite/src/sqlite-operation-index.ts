import {
  type ChangedParent,
  type IndexedOperation,
  matchesQuery,
  mergedOperation,
  type OperationIndex,
  type OperationQuery,
  operationOwners,
  ownerOfQuery,
} from "@milepost/engine";
import type { Row, Value } from "./driver/database.ts";
import type { PortParts } from "./port-parts.ts";

const rowsAtOnce = 200;
/** Number of expired operations that one look at open changes removes. */
const expiredAtOnce = 100;

/** Index of operations in the file: one row for each operation, and one for each of its owners. */
export class SqliteOperationIndex implements OperationIndex {
  readonly #parts: PortParts;
  readonly #statements;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    const conditions =
      "o.until > ?3 AND (?4 IS NULL OR o.kind = ?4) AND (?5 IS NULL OR o.status = ?5) AND (?6 = 0 OR o.waiting > 0) AND (o.created, o.id) < (?1, ?2)";
    this.#statements = {
      get: store.prepare("SELECT json, due_at FROM operation WHERE id = ? AND until > ?"),
      put: store.prepare("INSERT OR REPLACE INTO operation VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      due: store.prepare(
        "SELECT id FROM operation WHERE due_at <= ? AND until > ? ORDER BY due_at LIMIT ?",
      ),
      page: store.prepare(
        `SELECT o.id, o.created, o.json FROM operation o WHERE ${conditions} ORDER BY o.created DESC, o.id DESC LIMIT ?7`,
      ),
      pageOfOwner: store.prepare(
        `SELECT o.id, o.created, o.json FROM operation_owner w CROSS JOIN operation o ON o.id = w.id
         WHERE w.owner = ?8 AND ${conditions} ORDER BY w.created DESC, w.id DESC LIMIT ?7`,
      ),
      remove: store.prepare("DELETE FROM operation WHERE id = ?"),
      own: store.prepare("INSERT OR IGNORE INTO operation_owner VALUES (?, ?, ?)"),
      disown: store.prepare("DELETE FROM operation_owner WHERE id = ?"),
      expired: store.prepare(
        `SELECT id, json FROM operation WHERE until <= ? LIMIT ${expiredAtOnce}`,
      ),
      open: store.prepare("INSERT OR REPLACE INTO operation_change (parent, at) VALUES (?, ?)"),
      change: store.prepare("SELECT number FROM operation_change WHERE parent = ?"),
      settle: store.prepare("DELETE FROM operation_change WHERE parent = ? AND number = ?"),
      late: store.prepare("SELECT parent FROM operation_change WHERE at <= ? ORDER BY at LIMIT ?"),
    };
  }

  async put(operation: IndexedOperation, maxAgeMs: number, dueInMs?: number): Promise<void> {
    const { store, storeClock } = this.#parts;
    await store.step(() => {
      const now = storeClock.now();
      const id = operation.summary.operation_id;
      const row = this.#statements.get.get(id, now);
      const before =
        row === undefined
          ? undefined
          : {
              operation: operationOf(row.json),
              dueAt: row.due_at === null ? undefined : Number(row.due_at),
            };
      const wanted = dueInMs === undefined ? undefined : now + dueInMs;
      const { operation: merged, dueAt } = mergedOperation(before, operation, wanted);
      const { summary, waitingCommands } = merged;
      this.#statements.put.run(
        id,
        JSON.stringify(merged),
        summary.created_at,
        summary.kind ?? null,
        summary.status,
        waitingCommands,
        dueAt ?? null,
        now + maxAgeMs,
      );
      const owners = operationOwners(merged);
      const known = before === undefined ? [] : operationOwners(before.operation);
      const isSame =
        row !== undefined &&
        before?.operation.summary.created_at === summary.created_at &&
        known.join("\n") === owners.join("\n");
      this.#open(operation.summary.parent, now);
      if (isSame) return;
      this.#statements.disown.run(id);
      for (const owner of owners) this.#statements.own.run(owner, id, summary.created_at);
    });
  }

  due(lateMs: number, limit: number): Promise<readonly string[]> {
    const { store, storeClock } = this.#parts;
    return store.read(() => {
      const now = storeClock.now();
      return this.#statements.due.all(now - lateMs, now, limit).map(({ id }) => String(id));
    });
  }

  get(operationId: string): Promise<IndexedOperation | undefined> {
    return this.#parts.store.read(() => {
      const row = this.#statements.get.get(operationId, this.#parts.storeClock.now());
      return row && operationOf(row.json);
    });
  }

  list(query: OperationQuery): Promise<readonly IndexedOperation[]> {
    return this.#parts.store.read(() => {
      const found: IndexedOperation[] = [];
      let last: Row | undefined;
      for (;;) {
        const rows = this.#page(query, last);
        for (const { json } of rows) {
          const operation = operationOf(json);
          if (matchesQuery(operation, query)) found.push(operation);
          if (found.length >= query.limit) return found;
        }
        last = rows.at(-1);
        if (rows.length < rowsAtOnce) return found;
      }
    });
  }

  async remove(operationId: string): Promise<void> {
    const { store, storeClock } = this.#parts;
    await store.step(() => {
      const now = storeClock.now();
      const row = this.#statements.get.get(operationId, now);
      if (row !== undefined) this.#open(operationOf(row.json).summary.parent, now);
      this.#drop(operationId);
    });
  }

  openChange(parent: string): Promise<number | undefined> {
    return this.#parts.store.step(() => {
      this.#expire();
      return this.#changeOf(parent);
    });
  }

  async settleChange(parent: string, change: number): Promise<void> {
    await this.#parts.store.step(() => {
      this.#statements.settle.run(parent, change);
    });
  }

  takeChanges(lateMs: number, limit: number): Promise<readonly ChangedParent[]> {
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      this.#expire();
      const now = storeClock.now();
      return this.#statements.late.all(now - lateMs, limit).map((row) => {
        const parent = String(row.parent);
        this.#open(parent, now);
        return { parent, change: this.#changeOf(parent) ?? 0 };
      });
    });
  }

  /** Opens a change of a parent's children, in place of the open one, with a higher number. */
  #open(parent: string | undefined, now: number): void {
    if (parent !== undefined) this.#statements.open.run(parent, now);
  }

  #changeOf(parent: string): number | undefined {
    const row = this.#statements.change.get(parent);
    return row === undefined ? undefined : Number(row.number);
  }

  /** Removes operations that have expired, each with a change of its parent. */
  #expire(): void {
    const now = this.#parts.storeClock.now();
    for (const { id, json } of this.#statements.expired.all(now)) {
      this.#open(operationOf(json).summary.parent, now);
      this.#drop(String(id));
    }
  }

  #drop(operationId: string): void {
    this.#statements.remove.run(operationId);
    this.#statements.disown.run(operationId);
  }

  #page(query: OperationQuery, last: Row | undefined): readonly Row[] {
    const values: Value[] = [
      last?.created ?? Number.MAX_SAFE_INTEGER,
      last?.id ?? "",
      this.#parts.storeClock.now(),
      query.kind ?? null,
      query.status ?? null,
      query.waiting === true ? 1 : 0,
      rowsAtOnce,
    ];
    const owner = ownerOfQuery(query);
    return owner === undefined
      ? this.#statements.page.all(...values)
      : this.#statements.pageOfOwner.all(...values, owner);
  }
}

function operationOf(json: Value | undefined): IndexedOperation {
  return JSON.parse(String(json)) as IndexedOperation;
}
