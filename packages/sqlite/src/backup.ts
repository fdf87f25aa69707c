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
import { type Database, failureKindOf } from "./driver/database.ts";
import { openDatabase } from "./driver/open-database.ts";
import { requireOurs } from "./schema.ts";

const nameABackup = "name a file that milepost backup has written";

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
  const database = openExisting(fileIn(folder));
  try {
    rmSync(partial, { force: true });
    // SQLite writes into an empty file, too, and this one is never readable for others.
    closeSync(openSync(partial, "wx", 0o600));
    database.prepare("VACUUM INTO ?").run(partial);
    makeDurable(partial);
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  } finally {
    database.close();
  }
  syncFolder(dirname(target));
}

/**
 * Puts a backup in place of the data of a folder, which no gateway may use. The data that were there, damaged or not, stay
 * beside it as `milepost.db.replaced`. Readers that know more than the backup are answered `tag_mismatch` or `epoch_changed`
 * later. The function returns the path of `milepost.db.replaced`, or undefined if there were no data.
 *
 * Throws for a file that is damaged, empty, not of Milepost or of a newer release, and changes nothing then.
 */
export function restoreData(file: string, folder: string): string | undefined {
  const source = resolve(file);
  requireBackup(source);
  const taken = takeFolder(folder);
  const partial = `${taken.file}.partial`;
  try {
    copyFileSync(source, partial);
    chmodSync(partial, 0o600);
    makeDurable(partial);
    const replaced = existsSync(taken.file) ? `${taken.file}.replaced` : undefined;
    if (replaced !== undefined) {
      completeFile(taken.file);
      renameSync(taken.file, replaced);
    }
    rmSync(`${taken.file}-wal`, { force: true });
    rmSync(`${taken.file}-shm`, { force: true });
    renameSync(partial, taken.file);
    syncFolder(taken.path);
    return replaced;
  } finally {
    rmSync(partial, { force: true });
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

/** Throws unless a file is a whole backup that this release can read. */
function requireBackup(file: string): void {
  const database = openExisting(file, nameABackup);
  try {
    if (requireOurs(database) === 0) throw notABackup(file, "it is empty");
    const [fault] = faultsOf(database);
    if (fault !== undefined) throw notABackup(file, `it is damaged: ${fault}`);
  } catch (error) {
    if (failureKindOf(error) !== "corrupt") throw error;
    throw notABackup(file, `it is damaged: ${(error as Error).message}`, error);
  } finally {
    database.close();
  }
}

function notABackup(file: string, reason: string, cause?: unknown): MilepostError {
  return new MilepostError(
    "not_possible_now",
    `${file} cannot be restored (${reason}); ${nameABackup}`,
    { cause },
  );
}

/** Writes what only the write-ahead log has into the file, as far as the file can be read. */
function completeFile(file: string): void {
  const database = openDatabase(file);
  try {
    database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  } catch (error) {
    // A damaged file is why somebody restores a backup.
    if (failureKindOf(error) !== "corrupt") throw error;
  } finally {
    database.close();
  }
}

function fileIn(folder: string): string {
  return join(resolve(folder), databaseName);
}

function openExisting(
  file: string,
  remedy = "name the folder with --data or MILEPOST_DATA",
): Database {
  if (!existsSync(file))
    throw new MilepostError("not_found", `there is no file ${file}; ${remedy}`);
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
