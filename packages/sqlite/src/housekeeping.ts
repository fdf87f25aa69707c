import type { PortParts } from "./port-parts.ts";
import { realAfter } from "./real-after.ts";
import type { SqliteChannelLog } from "./sqlite-channel-log.ts";
import type { SqliteInbox } from "./sqlite-inbox.ts";

const intervalMs = 15_000;
/** Time between two turns while there is more to do, in milliseconds. */
const turnMs = 20;
/** Number of rows that one turn deletes from one table. */
const rowsAtOnce = 500;
/** Number of pages that one turn gives back to the file system. */
const pagesAtOnce = 256;

/** Tables whose rows end at `until`. */
const tables = [
  "lease",
  "record",
  "used_name",
  "holding",
  "target",
  "revocation",
  "duration",
  "finished_delivery",
  "inbox_member",
  "inbox_value",
];

/**
 * Deletes what has ended, in turns that are short each: expired rows, the entries of deleted logs, and pages that are no
 * longer used. Reading never finds what has ended, whether or not it is deleted.
 */
export class Housekeeping {
  readonly #parts: PortParts;
  readonly #log: SqliteChannelLog;
  readonly #inbox: SqliteInbox;
  readonly #statements;
  readonly #expire;
  readonly #after: typeof realAfter;
  #cancel: () => void;
  #isClosed = false;

  constructor(
    parts: PortParts,
    { log, inbox }: { readonly log: SqliteChannelLog; readonly inbox: SqliteInbox },
    after = realAfter,
  ) {
    const { store } = parts;
    this.#after = after;
    this.#parts = parts;
    this.#log = log;
    this.#inbox = inbox;
    this.#expire = tables.map((table) =>
      store.prepare(
        `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE until <= ? LIMIT ${rowsAtOnce})`,
      ),
    );
    const some = `LIMIT ${rowsAtOnce}`;
    this.#statements = {
      keys: store.prepare(
        `DELETE FROM entry_key WHERE (log, name) IN (SELECT log, name FROM entry_key WHERE until <= ? ${some})`,
      ),
      dropped: store.prepare("SELECT log FROM dropped_log LIMIT 1"),
      entries: store.prepare(
        `DELETE FROM entry WHERE log = ?1 AND offset IN (SELECT offset FROM entry WHERE log = ?1 ${some})`,
      ),
      logKeys: store.prepare(
        `DELETE FROM entry_key WHERE log = ?1 AND name IN (SELECT name FROM entry_key WHERE log = ?1 ${some})`,
      ),
      owners: store.prepare(
        `DELETE FROM id_owner WHERE log = ?1 AND id IN (SELECT id FROM id_owner WHERE log = ?1 ${some})`,
      ),
      forget: store.prepare("DELETE FROM dropped_log WHERE log = ?"),
      operations: store.prepare(`SELECT id FROM operation WHERE until <= ? ${some}`),
      changed: store.prepare(
        `INSERT OR REPLACE INTO operation_change (parent, at)
         SELECT json_extract(json, '$.summary.parent'), until FROM operation
         WHERE id = ? AND json_extract(json, '$.summary.parent') IS NOT NULL`,
      ),
      operation: store.prepare("DELETE FROM operation WHERE id = ?"),
      disown: store.prepare("DELETE FROM operation_owner WHERE id = ?"),
      questions: store.prepare(`SELECT id FROM question WHERE until <= ? ${some}`),
      question: store.prepare("DELETE FROM question WHERE id = ?"),
      unlist: store.prepare("DELETE FROM question_list WHERE id = ?"),
      subscribers: store.prepare(`SELECT id FROM subscriber WHERE until <= ? ${some}`),
      subscriber: store.prepare("DELETE FROM subscriber WHERE id = ?"),
      subscriberParts: store.prepare("DELETE FROM subscriber_part WHERE subscriber = ?"),
      deadLetters: store.prepare(
        `DELETE FROM dead_letter WHERE number IN (SELECT number FROM dead_letter WHERE until <= ? ${some})`,
      ),
      countDropped: store.prepare(
        "INSERT INTO meta VALUES ('dead_letters_dropped', ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
      ),
      vacuum: store.prepare(`PRAGMA incremental_vacuum(${pagesAtOnce})`),
      free: store.prepare("PRAGMA freelist_count"),
    };
    this.#cancel = after(intervalMs, () => this.#run());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #run(): void {
    this.#parts.store
      .step(() => this.#turn())
      // The store tells by itself that it takes no writes.
      .catch(() => true)
      .then((isDone) => {
        if (this.#isClosed) return;
        this.#cancel = this.#after(isDone ? intervalMs : turnMs, () => this.#run());
      });
  }

  /** Deletes some of everything that has ended. Returns true once nothing more has. */
  #turn(): boolean {
    const now = this.#parts.storeClock.now();
    let isDone = this.#log.sweep();
    const more = (deleted: number) => {
      if (deleted >= rowsAtOnce) isDone = false;
    };
    for (const statement of this.#expire) more(statement.run(now));
    const { keys, deadLetters, countDropped } = this.#statements;
    more(keys.run(now));
    const dropped = deadLetters.run(now);
    if (dropped > 0) countDropped.run(dropped);
    more(dropped);
    const { operations, changed, operation, disown, questions, question, unlist } =
      this.#statements;
    more(this.#each(operations, now, [changed, operation, disown]));
    more(this.#each(questions, now, [question, unlist]));
    const { subscribers, subscriber, subscriberParts } = this.#statements;
    more(this.#each(subscribers, now, [subscriber, subscriberParts]));
    more(this.#inbox.sweep(rowsAtOnce));
    if (!this.#deleteDropped()) isDone = false;
    if (Number(this.#statements.free.get()?.freelist_count ?? 0) > pagesAtOnce) {
      this.#statements.vacuum.all();
      isDone = false;
    }
    return isDone;
  }

  #each(
    found: { all(now: number): readonly { readonly [name: string]: unknown }[] },
    now: number,
    deletions: readonly { run(id: string | number): number }[],
  ): number {
    const rows = found.all(now);
    for (const { id } of rows) for (const each of deletions) each.run(id as string | number);
    return rows.length;
  }

  /** Deletes some entries, keys and owners of logs that were deleted. Returns true when there is no such log. */
  #deleteDropped(): boolean {
    const { dropped, entries, logKeys, owners, forget } = this.#statements;
    // Most logs that are over are short, so one turn deletes many of them.
    for (let left = rowsAtOnce; left > 0; ) {
      const row = dropped.get();
      if (row === undefined) return true;
      const log = Number(row.log);
      const deleted = entries.run(log) + logKeys.run(log) + owners.run(log);
      if (deleted < rowsAtOnce) forget.run(log);
      left -= deleted + 1;
    }
    return false;
  }
}
