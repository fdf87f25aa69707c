import { fdatasync } from "node:fs";
import type { DataWork, StoreHealth, StoreWatch } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { Checkpoints } from "./checkpoints.ts";
import { type Database, failureKindOf, type Statement } from "./driver/database.ts";

/** When a write counts as done: once the disk has it (`full`), or once the operating system has it (`normal`). */
export type Durability = "full" | "normal";

/** Parts of a {@link SqliteStore}. */
export interface StoreParts {
  readonly database: Database;
  readonly durability: Durability;
  /** Descriptor of the write-ahead log, which `full` syncs. */
  readonly walDescriptor: number;
  /** Makes what was written to a descriptor durable, off this thread; default `fdatasync`. */
  readonly sync?: (descriptor: number, done: (error: Error | null) => void) => void;
  /** Copies the write-ahead log into the file now and then; by default SQLite does so within commits. */
  readonly checkpoints?: Pick<Checkpoints, "committed" | "close">;
  /** Returns what is wrong with the files although SQLite does not notice it, such as a file that was deleted. */
  readonly faultOfFiles: () => string | undefined;
  /** Bytes that the file may have. */
  readonly maxBytes: number;
  /** Called when the file has begun or ended to have as many bytes as it may. */
  readonly onFull?: (isFull: boolean) => void;
  /** Called after each commit and sync, and for each refused step. */
  readonly onWork?: (work: DataWork) => void;
  /** Time in milliseconds that never goes back; default `performance.now`. */
  readonly now?: () => number;
  /** Runs a callback at the end of this tick; default `setImmediate`. */
  readonly defer?: (callback: () => void) => void;
  /** Runs a callback after a time, and returns what cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Steps of one tick, which are one transaction. */
interface Batch {
  /** Number of its steps. */
  writes: number;
  readonly waiting: Waiting[];
  readonly onDone: (() => void)[];
}

const probeMs = 1_000;
const pageBytes = 4_096;

/**
 * One writer of one file. Each step runs to its end in the transaction of its tick, and resolves once that transaction is
 * as durable as the store promises. Steps see what earlier steps of the same tick wrote.
 *
 * With `full` the sync of the write-ahead log runs beside the next ticks, off this thread: one sync acknowledges all ticks
 * that were committed before it began. A transaction that cannot be committed is undone as a whole. All its steps reject
 * then, the store takes no more writes, and it tries every second whether it can write again.
 */
export class SqliteStore implements StoreWatch {
  readonly kind = "sqlite";
  readonly durability: Durability;
  readonly #database: Database;
  readonly #parts: StoreParts;
  readonly #defer: (callback: () => void) => void;
  readonly #syncFile: NonNullable<StoreParts["sync"]>;
  readonly #onWork: (work: DataWork) => void;
  readonly #now: () => number;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #pages: Statement;
  readonly #freePages: Statement;
  readonly #beforeCommit: (() => void)[] = [];
  readonly #onUndone: (() => void)[] = [];
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  #batch: Batch | undefined;
  /** Batches that are committed and wait for the next sync. */
  #unsynced: Batch[] = [];
  /** Batches that the sync which runs now makes durable. */
  #syncing: Batch[] | undefined;
  #fault: string | undefined;
  /** True after a failed sync: nobody knows then what the disk has, and only a new start reads it. */
  #mustRestart = false;
  #isFull = false;
  /** Number of pages of the file that are free. */
  #free = 0;
  #isClosed = false;
  #isInStep = false;
  #cancelProbe: (() => void) | undefined;

  constructor(parts: StoreParts) {
    const { database } = parts;
    this.#parts = parts;
    this.#database = database;
    this.durability = parts.durability;
    this.#defer = parts.defer ?? ((callback) => setImmediate(callback));
    this.#syncFile = parts.sync ?? fdatasync;
    this.#onWork = parts.onWork ?? (() => {});
    this.#now = parts.now ?? (() => performance.now());
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
    this.#pages = database.prepare("PRAGMA page_count");
    this.#freePages = database.prepare("PRAGMA freelist_count");
    this.#probeLater();
  }

  get health(): StoreHealth {
    return {
      connected: !this.#isClosed,
      busConnected: true,
      takesWrites: this.#fault === undefined,
      ...(this.#isFull && { isFull: true }),
      ...(this.#fault !== undefined && { reason: this.#fault }),
    };
  }

  /** True while a step runs, which may write. */
  get isInStep(): boolean {
    return this.#isInStep;
  }

  onChange(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `flush` within each transaction, right before its commit. */
  beforeCommit(flush: () => void): void {
    this.#beforeCommit.push(flush);
  }

  /** Calls `forget` after a transaction was undone, so that nothing stays in memory that is not in the file. */
  onUndone(forget: () => void): void {
    this.#onUndone.push(forget);
  }

  prepare(sql: string): Statement {
    return this.#database.prepare(sql);
  }

  /** Runs a callback once the transaction of the running step is durable, before its steps resolve. */
  onceDurable(callback: () => void): void {
    this.#batch?.onDone.push(callback);
  }

  /** Runs a step that may write. A `MilepostError` that it throws rejects only this step. */
  async step<T>(work: () => T): Promise<T> {
    const batch = this.#batch ?? this.#open();
    this.#isInStep = true;
    let value: T;
    try {
      value = this.#attempt(work);
    } finally {
      this.#isInStep = false;
    }
    batch.writes++;
    await new Promise<void>((resolve, reject) => batch.waiting.push({ resolve, reject }));
    return value;
  }

  /** Runs a step that only reads. It resolves once everything that it may have read is durable. */
  async read<T>(work: () => T): Promise<T> {
    if (this.#isClosed) throw isClosed();
    const value = this.#attempt(work);
    const batch = this.#batch ?? this.#unsynced.at(-1) ?? this.#syncing?.at(-1);
    if (batch !== undefined) {
      await new Promise<void>((resolve, reject) => batch.waiting.push({ resolve, reject }));
    }
    return value;
  }

  /** Bytes of the file that are free for new data. */
  get freeBytes(): number {
    return this.#free * pageBytes;
  }

  /** Throws `store_full` when the file has as many bytes as it may. Steps that make the file grow call it first. */
  requireRoom(): void {
    if (!this.#isFull) return;
    this.#onWork({ kind: "refused", reason: "full" });
    throw isFull(this.#parts.maxBytes);
  }

  /** Takes no more steps, makes everything durable that was written, and closes the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelProbe?.();
    if (this.#batch !== undefined) this.#commitBatch();
    while (this.#syncing !== undefined) await new Promise<void>((resolve) => setImmediate(resolve));
    await this.#parts.checkpoints?.close();
    try {
      // Leaves one file that has everything, so that a copy of it is a backup.
      this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } catch {
      // The write-ahead log has everything as well; the next start reads it.
    }
    this.#database.close();
  }

  #open(): Batch {
    if (this.#isClosed) throw isClosed();
    if (this.#fault !== undefined) {
      this.#refuse(1);
      throw unavailable(this.#fault);
    }
    try {
      this.#begin.run();
    } catch (error) {
      this.#fail(error);
      this.#refuse(1);
      throw unavailable(this.#fault, error);
    }
    const batch: Batch = { writes: 0, waiting: [], onDone: [] };
    this.#batch = batch;
    this.#defer(() => {
      if (this.#batch === batch) this.#commitBatch();
    });
    return batch;
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof MilepostError) throw error;
      this.#undo(error);
      if (this.#isInStep) this.#refuse(1);
      throw unavailable(this.#fault, error);
    }
  }

  #commitBatch(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    const begun = this.#now();
    try {
      for (const flush of this.#beforeCommit) flush();
      this.#measure();
      this.#commit.run();
    } catch (error) {
      this.#undo(error);
      return;
    }
    this.#batch = undefined;
    this.#onWork({ kind: "commit", writes: batch.writes, ms: this.#now() - begun });
    this.#parts.checkpoints?.committed();
    if (this.durability === "normal") {
      settle(batch);
      return;
    }
    this.#unsynced.push(batch);
    this.#sync();
  }

  #sync(): void {
    if (this.#syncing !== undefined || this.#unsynced.length === 0) return;
    const batches = this.#unsynced;
    this.#unsynced = [];
    this.#syncing = batches;
    const begun = this.#now();
    this.#syncFile(this.#parts.walDescriptor, (error) => {
      this.#syncing = undefined;
      if (error === null) {
        this.#onWork({ kind: "sync", ms: this.#now() - begun });
        for (const batch of batches) settle(batch);
      } else {
        this.#mustRestart = true;
        this.#fail(error);
        for (const batch of [...batches, ...this.#unsynced]) this.#reject(batch, error);
        this.#unsynced = [];
      }
      this.#sync();
    });
  }

  /** Undoes the open transaction. Without one, only notes that SQLite has failed. */
  #undo(error: unknown): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch !== undefined) {
      try {
        this.#rollback.run();
      } catch {
        // SQLite has rolled back by itself, as it does when the disk is full.
      }
    }
    for (const forget of this.#onUndone) forget();
    this.#fail(error);
    if (batch !== undefined) this.#reject(batch, error);
  }

  #reject(batch: Batch, error: unknown): void {
    this.#refuse(batch.writes);
    for (const { reject } of batch.waiting) reject(unavailable(this.#fault, error));
  }

  #refuse(steps: number): void {
    for (let n = 0; n < steps; n++) this.#onWork({ kind: "refused", reason: "fault" });
  }

  #fail(error: unknown): void {
    const fault = faultOf(error, this.#mustRestart);
    if (fault !== undefined) this.#setFault(fault);
  }

  #setFault(fault: string | undefined): void {
    if (this.#fault === fault) return;
    this.#fault = fault;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.health);
  }

  /** Looks within a transaction whether the file is full, so that a disk which fails then undoes that transaction. */
  #measure(): void {
    this.#free = numberOf(this.#freePages);
    const pages = numberOf(this.#pages) - this.#free;
    const isFull = pages * pageBytes >= this.#parts.maxBytes;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#parts.onFull?.(isFull);
    this.#tell();
  }

  #probeLater(): void {
    this.#cancelProbe = this.#parts.after(probeMs, () => {
      if (this.#isClosed) return;
      this.#probe();
      this.#probeLater();
    });
  }

  /** Looks whether the files are still there, and after a failure whether the store can write again. */
  #probe(): void {
    const gone = this.#parts.faultOfFiles();
    if (gone !== undefined) {
      this.#setFault(gone);
      return;
    }
    if (this.#fault === undefined || this.#mustRestart || this.#batch !== undefined) return;
    try {
      this.#begin.run();
      this.#database.exec(
        "INSERT INTO meta VALUES ('probe', 0) ON CONFLICT DO UPDATE SET value = value + 1",
      );
      this.#measure();
      this.#commit.run();
    } catch (error) {
      try {
        this.#rollback.run();
      } catch {
        // There is no transaction where BEGIN has failed.
      }
      this.#fail(error);
      return;
    }
    this.#setFault(undefined);
  }
}

function settle({ onDone, waiting }: Batch): void {
  for (const callback of onDone) callback();
  for (const { resolve } of waiting) resolve();
}

function numberOf(statement: Statement): number {
  return Number(Object.values(statement.get() ?? {})[0] ?? 0);
}

/** Returns what is wrong with the disk; undefined for an error that says nothing about it. */
function faultOf(error: unknown, mustRestart: boolean): string | undefined {
  const { message } = error as Error;
  if (mustRestart) {
    return `the disk has failed to write (${message}); look at the disk, then restart the gateway`;
  }
  switch (failureKindOf(error)) {
    case "full":
      return "the disk is full; free some space, and the gateway goes on by itself";
    case "readonly":
      return "the disk or the file is read-only; make it writable, and the gateway goes on by itself";
    case "corrupt":
      return "the file is damaged; stop the gateway and run milepost restore with a backup";
    case "busy":
      return "another program holds the file; end it, and the gateway goes on by itself";
    case "disk":
      return `the disk fails (${message}); look at the disk, and the gateway goes on by itself`;
    case "other":
      return undefined;
  }
}

function unavailable(fault = "the store has failed; retry later", cause?: unknown): MilepostError {
  return new MilepostError("store_unavailable", fault, { retryAfterMs: probeMs, cause });
}

function isFull(maxBytes: number): MilepostError {
  return new MilepostError(
    "store_full",
    `the store has the ${Math.floor(maxBytes / 1_048_576)} MiB that it may have; retry later, raise dataMaxBytes, or shorten retention`,
  );
}

function isClosed(): MilepostError {
  return new MilepostError("store_unavailable", "the store is closed");
}
