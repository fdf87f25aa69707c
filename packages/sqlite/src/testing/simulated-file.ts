import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Engine, Random } from "@milepost/engine";
import type { Database } from "../driver/database.ts";
import { openDatabase } from "../driver/open-database.ts";
import { migrate } from "../schema.ts";
import { sqlitePorts } from "../sqlite-ports.ts";
import { SqliteStore } from "../sqlite-store.ts";

/** Parts of a {@link SimulatedFile}. */
export interface SimulatedFileParts {
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Runs a callback later in the time of the simulation. */
  readonly after: (ms: number, callback: () => void) => void;
  /** Time from the first write of a transaction until it is committed, in milliseconds. */
  readonly commitMs: () => number;
  /** Puts a defect into each connection, for mutants. */
  readonly spoil?: (database: Database) => Database;
}

/**
 * SQLite file whose process a simulation kills at any moment. What the process leaves is what the operating system has: the
 * file and its write-ahead log as they are, so that the next process recovers them as after a real kill.
 */
export class SimulatedFile {
  readonly #parts: SimulatedFileParts;
  #opened = 0;
  #process: { readonly engine: Engine; end(): void } | undefined;

  constructor(parts: SimulatedFileParts) {
    this.#parts = parts;
  }

  /** Opens the file in a new process; the one before is killed. */
  open(): Engine {
    const before = this.#path;
    const ended = this.#process;
    this.#opened++;
    if (ended !== undefined) {
      for (const end of ["", "-wal"]) copyFileSync(`${before}${end}`, `${this.#path}${end}`);
      ended.end();
      remove(before);
    }
    const { clock, random, after, commitMs, spoil = (database) => database } = this.#parts;
    const opened = openDatabase(this.#path);
    opened.exec("PRAGMA auto_vacuum = INCREMENTAL");
    opened.prepare("PRAGMA journal_mode = WAL").get();
    opened.exec("PRAGMA synchronous = OFF");
    migrate(opened);
    const database = spoil(opened);
    let isKilled = false;
    const whileAlive = (callback: () => void) => () => {
      if (!isKilled) callback();
    };
    const later = (ms: number, callback: () => void) => {
      after(ms, whileAlive(callback));
      return () => {};
    };
    const store = new SqliteStore({
      database,
      durability: "normal",
      walDescriptor: -1,
      faultOfFiles: () => undefined,
      maxBytes: 2 ** 40,
      now: () => clock.monotonic(),
      defer: (callback) => later(commitMs(), callback),
      after: later,
    });
    const { ports, close } = sqlitePorts({
      ...{ database, store, clock, random, after: later },
      ...{ maxMemoryBytes: 2 ** 26, onTrimmed: () => {} },
    });
    const end = () => {
      isKilled = true;
      close();
      opened.close();
    };
    const engine = { ...ports, close: async () => {} };
    this.#process = { engine, end };
    return engine;
  }

  /** Removes the file. */
  remove(): void {
    this.#process?.end();
    this.#process = undefined;
    remove(this.#path);
  }

  get #path(): string {
    return join(this.#parts.folder, `simulated-${this.#opened}.db`);
  }
}

function remove(path: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
}

/** Acknowledges each transaction before it is committed: the next one commits it. */
export function acknowledgesEarly(database: Database): Database {
  let isOpen = false;
  const real = (sql: string) => database.prepare(sql);
  const commit = real("COMMIT");
  return {
    ...database,
    prepare: (sql) => {
      const statement = real(sql);
      if (sql === "COMMIT") {
        const run = () => {
          isOpen = true;
          return 0;
        };
        return { ...statement, run };
      }
      if (sql !== "BEGIN IMMEDIATE") return statement;
      const run = () => {
        if (isOpen) commit.run();
        isOpen = false;
        return statement.run();
      };
      return { ...statement, run };
    },
  };
}
