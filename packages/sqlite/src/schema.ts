import { MilepostError } from "@milepost/protocol";
import type { Database } from "./driver/database.ts";

/** Marks the file as one of Milepost in the header that SQLite keeps: "MPST". */
const applicationId = 0x4d505354;

/** Steps from each version of the schema to the next. A step that was released never changes. */
const migrations: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

  CREATE TABLE log (
    id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL,
    offset INTEGER NOT NULL, tag TEXT NOT NULL, floor INTEGER NOT NULL, floor_tag TEXT NOT NULL,
    bytes INTEGER NOT NULL, used_at INTEGER NOT NULL, max_age INTEGER NOT NULL, compacted INTEGER NOT NULL,
    keys_until INTEGER NOT NULL, ids INTEGER NOT NULL, ending TEXT
  );
  CREATE TABLE log_state (log INTEGER PRIMARY KEY, projection TEXT NOT NULL, offset INTEGER NOT NULL, state TEXT);
  CREATE TABLE entry (
    log INTEGER NOT NULL, offset INTEGER NOT NULL, tag TEXT NOT NULL, event TEXT NOT NULL, json TEXT NOT NULL,
    ts INTEGER NOT NULL, at INTEGER NOT NULL, size INTEGER NOT NULL, rest TEXT,
    PRIMARY KEY (log, offset)
  ) WITHOUT ROWID;
  CREATE TABLE entry_key (
    log INTEGER NOT NULL, name TEXT NOT NULL, offset INTEGER NOT NULL, tag TEXT NOT NULL, event TEXT NOT NULL,
    ts INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (log, name)
  ) WITHOUT ROWID;
  CREATE INDEX entry_key_until ON entry_key (until);
  CREATE TABLE id_owner (
    log INTEGER NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (log, id)
  ) WITHOUT ROWID;
  CREATE INDEX id_owner_number ON id_owner (log, number);
  CREATE TABLE dropped_log (log INTEGER PRIMARY KEY);

  CREATE TABLE lease (
    name TEXT PRIMARY KEY, token TEXT NOT NULL, fence INTEGER NOT NULL, ttl INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, released INTEGER NOT NULL, until INTEGER NOT NULL,
    since INTEGER NOT NULL, holder TEXT
  );
  CREATE INDEX lease_until ON lease (until);
  CREATE TABLE record (
    space TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (space, name)
  );
  CREATE INDEX record_until ON record (until);
  CREATE TABLE used_name (space TEXT NOT NULL, name TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (space, name));
  CREATE INDEX used_name_until ON used_name (until);
  CREATE TABLE holding (
    owner TEXT NOT NULL, item TEXT NOT NULL, bytes INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (owner, item)
  );
  CREATE INDEX holding_until ON holding (until);
  CREATE TABLE target (
    owner TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (owner, id)
  );
  CREATE INDEX target_until ON target (until);
  CREATE TABLE revocation (number INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL, until INTEGER NOT NULL);
  CREATE INDEX revocation_until ON revocation (until);
  CREATE TABLE duration (
    kind TEXT PRIMARY KEY, records TEXT NOT NULL, counts TEXT NOT NULL, number INTEGER NOT NULL, until INTEGER NOT NULL
  );
  CREATE INDEX duration_number ON duration (number);
  CREATE INDEX duration_until ON duration (until);

  CREATE TABLE dead_letter (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL UNIQUE, json TEXT NOT NULL,
    length INTEGER NOT NULL, until INTEGER NOT NULL
  );
  CREATE INDEX dead_letter_until ON dead_letter (until);
  CREATE TABLE delivery (
    id TEXT PRIMARY KEY, content TEXT NOT NULL, due_at INTEGER NOT NULL, attempts INTEGER NOT NULL, claim INTEGER NOT NULL
  );
  CREATE INDEX delivery_due ON delivery (due_at);
  CREATE TABLE finished_delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, until INTEGER NOT NULL
  );
  CREATE INDEX finished_delivery_until ON finished_delivery (until);

  CREATE TABLE subscriber (
    id INTEGER PRIMARY KEY, channel TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, fence INTEGER NOT NULL,
    revision INTEGER NOT NULL, acked TEXT NOT NULL, sent TEXT NOT NULL, repeats_to INTEGER NOT NULL,
    until INTEGER NOT NULL, UNIQUE (channel, owner, name)
  );
  CREATE INDEX subscriber_until ON subscriber (until);
  CREATE TABLE subscriber_part (
    subscriber INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (subscriber, kind, name)
  ) WITHOUT ROWID;

  CREATE TABLE operation (
    id TEXT PRIMARY KEY, json TEXT NOT NULL, created INTEGER NOT NULL, kind TEXT, status TEXT NOT NULL,
    waiting INTEGER NOT NULL, due_at INTEGER, until INTEGER NOT NULL
  );
  CREATE INDEX operation_created ON operation (created);
  CREATE INDEX operation_due ON operation (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX operation_until ON operation (until);
  CREATE TABLE operation_owner (
    owner TEXT NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (owner, created, id)
  ) WITHOUT ROWID;
  CREATE INDEX operation_owner_id ON operation_owner (id);
  CREATE TABLE operation_change (
    number INTEGER PRIMARY KEY AUTOINCREMENT, parent TEXT NOT NULL UNIQUE, at INTEGER NOT NULL
  );
  CREATE INDEX operation_change_at ON operation_change (at);

  CREATE TABLE question (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, operation TEXT NOT NULL, asked INTEGER NOT NULL,
    key TEXT, revision INTEGER NOT NULL, status TEXT NOT NULL, json TEXT NOT NULL, due_at INTEGER, until INTEGER NOT NULL
  );
  CREATE INDEX question_operation ON question (operation, asked);
  CREATE UNIQUE INDEX question_key ON question (operation, key) WHERE key IS NOT NULL;
  CREATE INDEX question_due ON question (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX question_until ON question (until);
  CREATE INDEX question_settled ON question (number) WHERE status <> 'open';
  CREATE TABLE question_list (
    list TEXT NOT NULL, asked INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (list, asked, id)
  ) WITHOUT ROWID;
  CREATE INDEX question_list_id ON question_list (id);

  CREATE TABLE inbox (
    owner TEXT PRIMARY KEY, place INTEGER NOT NULL, revision INTEGER NOT NULL, due_at INTEGER
  );
  CREATE INDEX inbox_due ON inbox (due_at) WHERE due_at IS NOT NULL;
  CREATE TABLE inbox_part (
    owner TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (owner, kind, id)
  ) WITHOUT ROWID;
  CREATE TABLE inbox_member (
    owner TEXT NOT NULL, member TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (owner, member)
  );
  CREATE INDEX inbox_member_until ON inbox_member (until);
  CREATE TABLE inbox_value (
    owner TEXT NOT NULL, kind TEXT NOT NULL, json TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (owner, kind)
  );
  CREATE INDEX inbox_value_until ON inbox_value (until);

  CREATE TABLE queue (name TEXT PRIMARY KEY, json TEXT NOT NULL);
  CREATE TABLE queue_part (
    queue TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (queue, kind, id)
  ) WITHOUT ROWID;
  `,
  // Lists of inboxes end. Those of before get their end with their next change.
  `
  ALTER TABLE inbox ADD COLUMN until INTEGER;
  CREATE INDEX inbox_until ON inbox (until) WHERE until IS NOT NULL;
  `,
];

/** Version of the schema that this release writes. */
export const schemaVersion = migrations.length;

/**
 * Returns the version of the file's schema. Throws for a file that a newer release has written, and for one that is not of
 * Milepost.
 */
export function requireOurs(database: Database): number {
  const version = pragma(database, "user_version");
  const owner = pragma(database, "application_id");
  const hasTables =
    database.prepare("SELECT 1 AS found FROM sqlite_schema LIMIT 1").get() !== undefined;
  if (hasTables && owner !== applicationId) {
    throw new MilepostError(
      "not_possible_now",
      "the file is not one of Milepost; choose another folder with --data",
    );
  }
  if (version > schemaVersion) {
    throw new MilepostError(
      "not_possible_now",
      `the data have schema ${version}, and this release knows ${schemaVersion}; use a newer Milepost, or restore a backup of this release`,
    );
  }
  return version;
}

/**
 * Brings the file to the schema of this release, or to an older one for tests, in one transaction for each step. Throws as
 * {@link requireOurs} does.
 */
export function migrate(database: Database, to = schemaVersion): void {
  const version = requireOurs(database);
  for (const [index, sql] of migrations.entries()) {
    if (index < version || index >= to) continue;
    database.exec("BEGIN IMMEDIATE");
    try {
      database.exec(sql);
      database.exec(`PRAGMA application_id = ${applicationId}`);
      database.exec(`PRAGMA user_version = ${index + 1}`);
      database.exec("COMMIT");
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }
}

/** Reads a pragma that is a number. */
function pragma(database: Database, name: string): number {
  const row = database.prepare(`PRAGMA ${name}`).get();
  return Number(Object.values(row ?? {})[0] ?? 0);
}
