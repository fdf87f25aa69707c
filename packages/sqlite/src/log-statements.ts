import type { SqliteStore } from "./sqlite-store.ts";

/** Columns of an entry, in the order in which it is written. */
export const entryColumns = "offset, tag, event, json, ts, at, size, rest";

/** Prepares every statement of the logs. */
export function logStatements(store: SqliteStore) {
  return {
    find: store.prepare("SELECT * FROM log WHERE channel = ?"),
    begin: store.prepare(
      "INSERT INTO log (channel, epoch, offset, tag, floor, floor_tag, bytes, used_at, max_age, compacted, keys_until, ids) VALUES (?1, ?2, 0, ?3, 0, ?3, 0, ?4, ?5, ?6, 0, 0)",
    ),
    save: store.prepare(
      "UPDATE log SET offset = ?, tag = ?, floor = ?, floor_tag = ?, bytes = ?, used_at = ?, max_age = ?, compacted = ?, keys_until = ?, ids = ?, ending = ? WHERE id = ?",
    ),
    remove: store.prepare("DELETE FROM log WHERE id = ?"),
    removeState: store.prepare("DELETE FROM log_state WHERE log = ?"),
    leaveBehind: store.prepare("INSERT OR IGNORE INTO dropped_log VALUES (?)"),
    some: store.prepare(
      "SELECT id, channel, offset, used_at, max_age, keys_until FROM log WHERE id > ? ORDER BY id LIMIT ?",
    ),
    state: store.prepare("SELECT projection, offset, state FROM log_state WHERE log = ?"),
    saveState: store.prepare(
      "INSERT INTO log_state VALUES (?, ?, ?, ?) ON CONFLICT (log) DO UPDATE SET projection = excluded.projection, offset = excluded.offset, state = excluded.state",
    ),
    append: store.prepare(
      `INSERT INTO entry (log, ${entryColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    entry: store.prepare(`SELECT ${entryColumns} FROM entry WHERE log = ? AND offset = ?`),
    page: store.prepare(
      `SELECT ${entryColumns} FROM entry WHERE log = ? AND offset > ? ORDER BY offset LIMIT ?`,
    ),
    front: store.prepare(
      "SELECT offset, tag, at, size FROM entry WHERE log = ? AND offset > ? ORDER BY offset LIMIT ?",
    ),
    trim: store.prepare(
      "DELETE FROM entry WHERE log = ?1 AND offset <= ?2 AND offset < (SELECT min(offset) FROM entry WHERE log = ?1) + ?3",
    ),
    key: store.prepare(
      "SELECT offset, tag, event, ts FROM entry_key WHERE log = ? AND name = ? AND until > ?",
    ),
    addKey: store.prepare(
      "INSERT INTO entry_key VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (log, name) DO UPDATE SET offset = excluded.offset, tag = excluded.tag, event = excluded.event, ts = excluded.ts, until = excluded.until",
    ),
    owner: store.prepare("SELECT owner, number FROM id_owner WHERE log = ? AND id = ?"),
    addOwner: store.prepare(
      "INSERT INTO id_owner VALUES (?, ?, ?, ?) ON CONFLICT (log, id) DO UPDATE SET number = excluded.number",
    ),
    dropOwners: store.prepare("DELETE FROM id_owner WHERE log = ? AND number <= ?"),
  };
}

/** Statements of the logs. */
export type LogStatements = ReturnType<typeof logStatements>;
