import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { MilepostError } from "@milepost/protocol";
import { databaseName, syncFolder, takeFolder } from "./data-folder.ts";
import type { Database } from "./driver/database.ts";
import { openDatabase } from "./driver/open-database.ts";
import { requireOurs } from "./schema.ts";

/** What a folder of data holds. */
export interface DataReport {
  /** Bytes of the file and of its write-ahead log. */
  readonly bytes: number;
  readonly walBytes: number;
  readonly schema: number;
  readonly channels: number;
  readonly entries: number;
  /** Channels whose entries have the most bytes, the largest first; at most five. */
  readonly largest: readonly { readonly channel: string; readonly bytes: number }[];
  /** What SQLite finds wrong with the file; empty for a whole one. */
  readonly faults: readonly string[];
}

/**
 * Copies the data of a folder into one new file, as they are at one moment. A gateway may use the folder meanwhile: it goes
 * on writing. The file is complete or not there at all.
 *
 * Throws `not_found` without data in the folder, and `already_exists` for a file that exists.
 */
export function backupData(folder: string, file: string): void {
  const target = resolve(file);
  if (existsSync(target)) {
    throw new MilepostError("already_exists", `${target} exists; choose another name`);
  }
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  const database = openExisting(fileIn(folder));
  try {
    database.prepare("VACUUM INTO ?").run(partial);
  } finally {
    database.close();
  }
  chmodSync(partial, 0o600);
  makeDurable(partial);
  renameSync(partial, target);
  syncFolder(dirname(target));
}

/**
 * Puts a backup in place of the data of a folder, which no gateway may use. The data that were there stay beside it as
 * `milepost.db.replaced`. Readers that know more than the backup are answered `tag_mismatch` or `epoch_changed` later.
 *
 * Throws for a file that is damaged, is not of Milepost or is of a newer release, and changes nothing then.
 */
export function restoreData(file: string, folder: string): void {
  const source = resolve(file);
  const backup = openExisting(source);
  let faults: readonly string[];
  try {
    requireOurs(backup);
    faults = faultsOf(backup);
  } finally {
    backup.close();
  }
  if (faults.length > 0) {
    throw new MilepostError("not_possible_now", `${source} is damaged: ${faults[0]}`);
  }
  const taken = takeFolder(folder);
  try {
    const partial = `${taken.file}.partial`;
    copyFileSync(source, partial);
    chmodSync(partial, 0o600);
    makeDurable(partial);
    if (existsSync(taken.file)) {
      // What only the write-ahead log has belongs to the data that are replaced.
      const before = openDatabase(taken.file);
      before.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
      before.close();
      renameSync(taken.file, `${taken.file}.replaced`);
    }
    rmSync(`${taken.file}-wal`, { force: true });
    rmSync(`${taken.file}-shm`, { force: true });
    renameSync(partial, taken.file);
    syncFolder(taken.path);
  } finally {
    taken.release();
  }
}

/** Reads what a folder of data holds, and whether the file is whole. A gateway may use the folder meanwhile. */
export function inspectData(folder: string): DataReport {
  const file = fileIn(folder);
  const database = openExisting(file);
  try {
    const schema = requireOurs(database);
    const count = (table: string) =>
      Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
    const largest = database
      .prepare("SELECT channel, bytes FROM log ORDER BY bytes DESC LIMIT 5")
      .all()
      .map(({ channel, bytes }) => ({ channel: String(channel), bytes: Number(bytes) }));
    return {
      bytes: sizeOf(file),
      walBytes: sizeOf(`${file}-wal`),
      schema,
      channels: count("log"),
      entries: count("entry"),
      largest,
      faults: faultsOf(database),
    };
  } finally {
    database.close();
  }
}

function fileIn(folder: string): string {
  return join(resolve(folder), databaseName);
}

function openExisting(file: string): Database {
  if (!existsSync(file)) {
    throw new MilepostError("not_found", `there is no file ${file}; name the folder with --data`);
  }
  const database = openDatabase(file);
  database.exec("PRAGMA busy_timeout = 5000");
  return database;
}

function faultsOf(database: Database): readonly string[] {
  return database
    .prepare("PRAGMA quick_check(5)")
    .all()
    .map((row) => String(Object.values(row)[0]))
    .filter((fault) => fault !== "ok");
}

function makeDurable(file: string): void {
  const descriptor = openSync(file, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}
