import { Worker } from "node:worker_threads";
import type { Database } from "./driver/database.ts";
import { libraryInThread } from "./driver/open-database.ts";
import type { WalIndex } from "./wal-index.ts";

/** Pages of the write-ahead log that are not in the file, from which on a checkpoint runs. */
const pagesAtOnce = 1_000;
/** Pages of the write-ahead log from which on the thread of the gateway copies the rest, so that the log begins anew. */
const pagesAtMost = 4_000;
/** Pages of the write-ahead log from which on the thread of the gateway copies everything, so that the log stays bounded. */
const pagesAtWorst = 12_000;
/** Numbers of a log whose index cannot be read: it may have any length, so it is copied at once. */
const unknownLog = { pages: pagesAtWorst, copied: 0 };
/** Number of commits between two looks at the log. */
const commitsBetween = 8;
/** Longest time for which a commit waits for the checkpoint of the thread, in milliseconds. */
const waitMs = 1_000;
/** Longest time for which a close waits for a checkpoint that runs, in milliseconds. */
const closeWithinMs = 5_000;

/** Program of the thread. It is text, since a thread cannot load TypeScript, which tests run. */
const program = `
const { statSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
process.emitWarning = () => {};
const { name, path, file, running } = workerData;
// Opening a file that was moved away makes an empty one, and SQLite deletes the write-ahead log of an empty file.
statSync(file);
const Library = name === "node:sqlite" ? require(name).DatabaseSync : require(path);
const database = new Library(file);
database.exec("PRAGMA synchronous = NORMAL");
const checkpoint = database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
parentPort.on("message", (wanted) => {
  if (wanted === "close") {
    database.close();
    parentPort.close();
    return;
  }
  const begun = performance.now();
  try {
    checkpoint.get();
  } catch {
    // The next one tries again, and the commits tell when the disk takes nothing any more.
  }
  Atomics.store(running, 0, 0);
  Atomics.notify(running, 0);
  parentPort.postMessage(performance.now() - begun);
});
`;

/** Operations of checkpoints on one file. */
export interface CheckpointParts {
  readonly database: Database;
  readonly file: string;
  readonly index: WalIndex;
  /** Called after each checkpoint, with its time in milliseconds. */
  readonly onDone?: (ms: number) => void;
}

/**
 * Checkpoints of one file: they copy the write-ahead log into the file in a thread of their own, which also waits for the
 * disk. Commits go on meanwhile. A log that never rests grows; from a bound on, the thread of the gateway copies the little that
 * is left, and the log begins anew.
 */
export class Checkpoints {
  readonly #parts: CheckpointParts;
  readonly #checkpoint;
  readonly #onDone: (ms: number) => void;
  #worker: Worker | undefined;
  /** 1 while the thread makes a checkpoint, and shared with it. */
  readonly #running = new Int32Array(new SharedArrayBuffer(4));
  #isRunning = false;
  #hasFailed = false;
  #commits = 0;
  /** Number of checkpoints that this process has made. */
  count = 0;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    this.#onDone = parts.onDone ?? (() => {});
    this.#checkpoint = parts.database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** Begins a checkpoint if it is time for one. Call it after a commit, while no transaction is open. */
  committed(): void {
    if (++this.#commits % commitsBetween !== 0) return;
    const { pages, copied } = this.#parts.index.look() ?? unknownLog;
    if (pages >= pagesAtWorst) {
      // SQLite makes one checkpoint at a time, so another one that runs would leave the log to grow.
      Atomics.wait(this.#running, 0, 1, waitMs);
      this.#checkpointHere();
      return;
    }
    if (this.#isRunning || (pages - copied < pagesAtOnce && pages < pagesAtMost)) return;
    if (this.#hasFailed || pages - copied < pagesAtOnce) {
      this.#checkpointHere();
      return;
    }
    this.#isRunning = true;
    Atomics.store(this.#running, 0, 1);
    try {
      this.#thread().postMessage("checkpoint");
    } catch {
      // The system has no thread to give, or Node may not start any.
      this.#fail();
    }
  }

  /** Ends the thread. A checkpoint that runs ends first. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#worker = undefined;
    worker.removeAllListeners();
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => void worker.terminate().then(() => resolve()), closeWithinMs);
      worker.once("exit", () => {
        clearTimeout(late);
        resolve();
      });
      worker.once("error", () => {});
      worker.postMessage("close");
    });
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const running = this.#running;
    const workerData = { ...libraryInThread(), file: this.#parts.file, running };
    const worker = new Worker(program, { eval: true, workerData });
    worker.unref();
    worker.on("message", (ms: number) => {
      this.count++;
      this.#isRunning = false;
      this.#onDone(ms);
    });
    worker.on("error", () => this.#fail());
    worker.on("exit", () => this.#fail());
    this.#worker = worker;
    return worker;
  }

  /** Makes checkpoints run within commits from now on, as SQLite itself makes them. */
  #fail(): void {
    this.#hasFailed = true;
    this.#isRunning = false;
    Atomics.store(this.#running, 0, 0);
    this.#worker = undefined;
  }

  #checkpointHere(): void {
    const begun = performance.now();
    try {
      this.#checkpoint.get();
      this.count++;
      this.#onDone(performance.now() - begun);
    } catch {
      // The log keeps everything; a commit tells when the disk takes nothing any more.
    }
  }
}
