import { randomUUID } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import type { CompactedEntry } from "@milepost/core";
import type { MergeAnswer } from "./compactor.ts";
import { type MergeOptions, mergeEntries } from "./merge-updates.ts";

interface MergeTask {
  readonly id: number;
  readonly entries: readonly CompactedEntry[];
}

parentPort?.on("message", ({ id, entries }: MergeTask) => {
  parentPort?.postMessage(answerTo(id, entries));
});

function answerTo(id: number, entries: readonly CompactedEntry[]): MergeAnswer {
  try {
    return { id, texts: mergeEntries(entries, randomUUID, workerData as MergeOptions) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
