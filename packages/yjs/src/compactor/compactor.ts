export { type DocumentRulesOptions, documentRules } from "../document-rules.ts";

import { Worker } from "node:worker_threads";
import type { CompactedEntry, Compactor } from "@milepost/core";
import { snapshotEvent } from "../update-text.ts";
import type { MergeOptions } from "./merge-updates.ts";

const defaultTimeoutMs = 30_000;
const maxHeapMb = 512;

/** Options of {@link yjsCompactor}. */
export interface YjsCompactorOptions extends MergeOptions {
  /** Time that one compaction may take, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
}

interface Task {
  readonly resolve: (texts: readonly string[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Answer of the worker: the entries' data, or what went wrong. */
export type MergeAnswer =
  | { readonly id: number; readonly texts: readonly string[] }
  | { readonly id: number; readonly error: string };

/**
 * Creates the compactor of Yjs documents, for the option `compactors` of a gateway.
 *
 * It merges in a worker thread with at most 512 MiB, so that a large document delays no client. A compaction that takes
 * longer than `timeoutMs` ends with an error and leaves the document as it was.
 */
export function yjsCompactor({
  timeoutMs = defaultTimeoutMs,
  ...options
}: YjsCompactorOptions = {}): Compactor {
  const tasks = new Map<number, Task>();
  let worker: Worker | undefined;
  let lastId = 0;

  function fail(failed: Worker, error: Error): void {
    if (worker !== failed) return;
    worker = undefined;
    void failed.terminate();
    for (const { reject, timer } of tasks.values()) {
      clearTimeout(timer);
      reject(error);
    }
    tasks.clear();
  }

  function start(): Worker {
    const started = new Worker(new URL("./merge-worker.js", import.meta.url), {
      workerData: options,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    started.unref();
    started.on("message", (answer: MergeAnswer) => {
      const task = tasks.get(answer.id);
      if (task === undefined) return;
      tasks.delete(answer.id);
      clearTimeout(task.timer);
      if ("texts" in answer) task.resolve(answer.texts);
      else task.reject(new Error(answer.error));
    });
    started.on("error", (error) => fail(started, error as Error));
    started.on("exit", () =>
      fail(started, new Error("the thread that merges documents has ended")),
    );
    return started;
  }

  return {
    event: snapshotEvent,
    compact(entries: readonly CompactedEntry[]) {
      worker ??= start();
      const used = worker;
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const late = new Error(`merging a document took longer than ${timeoutMs} ms`);
        const timer = setTimeout(() => fail(used, late), timeoutMs);
        tasks.set(id, { resolve, reject, timer });
        used.postMessage({ id, entries });
      });
    },
    async close() {
      const used = worker;
      if (used !== undefined) fail(used, new Error("the compactor was closed"));
    },
  };
}
