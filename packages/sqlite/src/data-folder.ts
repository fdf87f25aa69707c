import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { MilepostError } from "@milepost/protocol";
import { type Database, failureKindOf } from "./driver/database.ts";
import { openDatabase } from "./driver/open-database.ts";

/** Names of the files in a folder of data. */
export const databaseName = "milepost.db";
const lockName = "milepost.lock";

/** Folder of data that this process alone may write. */
export interface DataFolder {
  readonly path: string;
  /** Path of the SQLite file. */
  readonly file: string;
  /** Gives the folder free. The operating system does it as well when the process ends, however it ends. */
  release(): void;
}

/**
 * Takes a folder for this process, and makes it with mode 0700 if there is none. The lock is one that SQLite holds on a
 * file of its own, so it ends with its owner.
 *
 * Throws `store_unavailable` when the folder cannot be written, and `not_possible_now` when another process has it.
 */
export function takeFolder(path: string): DataFolder {
  const folder = resolve(path);
  try {
    if (!existsSync(folder)) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      chmodSync(folder, 0o700);
    }
    const ignore = join(folder, ".gitignore");
    if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
  } catch (error) {
    throw notWritable(folder, error);
  }
  const lock = lockIn(folder);
  return {
    path: folder,
    file: join(folder, databaseName),
    release: () => {
      // A library may keep a closed file open until its statements are collected, so the lock ends first.
      lock.exec("ROLLBACK");
      lock.close();
    },
  };
}

function lockIn(folder: string): Database {
  let lock: Database | undefined;
  try {
    lock = openDatabase(join(folder, lockName));
    lock.exec("PRAGMA busy_timeout = 0");
    // Nothing is ever written, so a journal would only leave a file behind.
    lock.prepare("PRAGMA journal_mode = MEMORY").get();
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if (failureKindOf(error) !== "busy") throw notWritable(folder, error);
    throw new MilepostError(
      "not_possible_now",
      `another gateway uses the data in ${folder}; stop it, choose another folder with --data, or run several gateways on Redis with --redis`,
      { cause: error },
    );
  }
}

/** Returns the descriptor of a file that is watched or synced. */
export function descriptorOf(file: string): number {
  return openSync(file, "r+");
}

/** Returns true when the file that is open is no longer the one at its path. */
export function isGone(file: string, descriptor: number): boolean {
  try {
    return statSync(file).ino !== fstatSync(descriptor).ino;
  } catch {
    return true;
  }
}

/** Returns the size of an open file, in bytes; 0 when the disk does not say. */
export function sizeOf(descriptor: number): number {
  try {
    return fstatSync(descriptor).size;
  } catch {
    return 0;
  }
}

/** Makes the names of the files in a folder durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function notWritable(folder: string, cause: unknown): MilepostError {
  const { message } = cause as Error;
  return new MilepostError(
    "store_unavailable",
    `the data folder ${folder} cannot be written (${message}); choose another with --data DIR, or keep nothing with --memory`,
    { cause },
  );
}
