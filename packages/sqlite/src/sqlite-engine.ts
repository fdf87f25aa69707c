import { closeSync } from "node:fs";
import type { EngineFactory } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { Checkpoints } from "./checkpoints.ts";
import {
  type DataFolder,
  descriptorOf,
  isGone,
  sizeOf,
  syncFolder,
  takeFolder,
} from "./data-folder.ts";
import { failureKindOf } from "./driver/database.ts";
import { openDatabase } from "./driver/open-database.ts";
import { realAfter } from "./real-after.ts";
import { migrate } from "./schema.ts";
import { sqlitePorts } from "./sqlite-ports.ts";
import { type Durability, SqliteStore } from "./sqlite-store.ts";
import { WalIndex } from "./wal-index.ts";

const defaultMaxBytes = 10 * 1_073_741_824;
const defaultMemoryBytes = 64 * 1_048_576;
/** Pages that SQLite keeps in memory, in KiB. */
const cacheKib = 16_384;
/** Bytes to which SQLite cuts its write-ahead log once a long reader, such as a backup, has let it grow. */
const maxWalBytes = 64 * 1_048_576;

/** Options of {@link sqliteEngine}. */
export interface SqliteEngineOptions {
  /** Folder of the data, which one process at a time may use. */
  readonly folder: string;
  /**
   * `full` acknowledges what the disk has, so that it outlives a loss of power. `normal` acknowledges what the operating
   * system has: it outlives the end of the process, and a loss of power may take what was acknowledged since the last
   * checkpoint. Default `full`.
   */
  readonly durability?: Durability;
  /** Bytes that the file may have; beyond them it takes nothing new. Default 10 GiB. */
  readonly maxBytes?: number;
}

/**
 * Returns the factory of an engine that keeps everything in one SQLite file, for a single gateway. Logs, operations,
 * leases, queues, questions, inboxes and durable subscribers outlive the process. Who is connected and present does not,
 * because nobody is after a restart.
 *
 * The factory throws `store_unavailable` when the folder cannot be written or its file is damaged, and `not_possible_now`
 * when another process uses it or a newer release has written it.
 */
export function sqliteEngine({
  folder: path,
  durability = "full",
  maxBytes = defaultMaxBytes,
}: SqliteEngineOptions): EngineFactory {
  return ({ clock, random, onFull, onDataWork = () => {}, ...context }) => {
    const { onTrimmed = () => {}, maxMemoryBytes = defaultMemoryBytes } = context;
    const folder = takeFolder(path);
    const opened = openIn(folder);
    const { database, mainDescriptor, walDescriptor } = opened;
    const index = new WalIndex(`${folder.file}-shm`);
    const onDone = (ms: number) => onDataWork({ kind: "checkpoint", ms });
    const checkpoints = new Checkpoints({ database, file: folder.file, index, onDone });
    const store = new SqliteStore({
      database,
      checkpoints,
      durability,
      walDescriptor,
      maxBytes,
      after: realAfter,
      onWork: onDataWork,
      ...(onFull === undefined ? {} : { onFull }),
      faultOfFiles: () =>
        isGone(folder.file, mainDescriptor) || isGone(`${folder.file}-wal`, walDescriptor)
          ? `the files of ${folder.file} were moved or deleted while the gateway uses them; put them back, or stop the gateway and restore a backup`
          : undefined,
    });
    const {
      ports,
      log,
      close: closePorts,
    } = sqlitePorts({
      ...{ database, store, clock, random, maxMemoryBytes, onTrimmed, after: realAfter },
    });
    let closed: Promise<void> | undefined;
    const close = async () => {
      closePorts();
      await store.close();
      index.close();
      closeSync(walDescriptor);
      closeSync(mainDescriptor);
      folder.release();
    };
    return {
      ...ports,
      durability,
      memoryBytes: () => log.bytes,
      dataSizes: () => ({
        file: sizeOf(mainDescriptor),
        free: store.freeBytes,
        wal: sizeOf(walDescriptor),
        max: maxBytes,
      }),
      store,
      close: () => {
        closed ??= close();
        return closed;
      },
    };
  };
}

function openIn(folder: DataFolder) {
  try {
    const database = openDatabase(folder.file);
    try {
      database.exec("PRAGMA busy_timeout = 1000");
      // Takes effect only before the first table exists.
      database.exec("PRAGMA auto_vacuum = INCREMENTAL");
      database.prepare("PRAGMA journal_mode = WAL").get();
      // The store syncs the write-ahead log itself, off this thread; checkpoints sync in any case.
      database.exec("PRAGMA synchronous = NORMAL");
      database.exec(`PRAGMA cache_size = -${cacheKib}`);
      database.exec("PRAGMA temp_store = MEMORY");
      // Checkpoints run in a thread of their own.
      database.prepare("PRAGMA wal_autocheckpoint = 0").get();
      database.prepare(`PRAGMA journal_size_limit = ${maxWalBytes}`).get();
      migrate(database);
      database.exec(
        "INSERT INTO meta VALUES ('opened', 1) ON CONFLICT DO UPDATE SET value = value + 1",
      );
      const mainDescriptor = descriptorOf(folder.file);
      const walDescriptor = descriptorOf(`${folder.file}-wal`);
      syncFolder(folder.path);
      return { database, mainDescriptor, walDescriptor };
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    folder.release();
    throw error instanceof MilepostError ? error : notOpened(folder.file, error);
  }
}

function notOpened(file: string, cause: unknown): MilepostError {
  const { message } = cause as Error;
  const remedy =
    failureKindOf(cause) === "corrupt"
      ? "run milepost restore with a backup"
      : "look at the file and the disk, or choose another folder with --data DIR";
  return new MilepostError(
    "store_unavailable",
    `${file} cannot be opened (${message}); ${remedy}`,
    {
      cause,
    },
  );
}
