import { setTimeout as pause } from "node:timers/promises";
import type { Journal } from "../journal.ts";
import type { Log } from "../store-history.ts";
import type { Reader } from "./reader.ts";
import type { Worker } from "./worker.ts";

const reloadEveryMs = 700;

/** Reloads readers, or the worker, again and again until the signal is aborted. */
export async function reloadAgainAndAgain(
  readers: readonly Pick<Reader | Worker, "reload">[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(reloadEveryMs, undefined, { signal }).catch(() => {});
    if (!signal.aborted) for (const reader of readers) await reader.reload();
  }
}

/**
 * Resolves with the journal's time at which every reader is at the head of every log, or undefined once the
 * deadline has passed.
 */
export async function allAtHead(
  readers: readonly Reader[],
  logs: readonly Log[],
  deadline: number,
  journal: Journal,
): Promise<number | undefined> {
  const isAt = ({ channel, head }: Log) =>
    readers.every((reader) => reader.position(channel) === head);
  while (!logs.every(isAt)) {
    if (journal.now > deadline) return undefined;
    await pause(20);
  }
  return journal.now;
}

/**
 * Resolves with a message for each entry that the worker has not received by the deadline, or why it stopped;
 * empty when it has all.
 */
export async function allHandled(
  worker: Worker,
  logs: readonly Log[],
  deadline: number,
  journal: Journal,
): Promise<readonly string[]> {
  const entries = logs.find(({ channel }) => channel === worker.channel)?.entries ?? [];
  for (;;) {
    const lacks = entries.filter(({ position }) => !worker.handled.has(position));
    if (worker.failure !== undefined) return [`the worker stopped: ${worker.failure}`];
    if (lacks.length === 0) return [];
    if (journal.now > deadline) {
      return lacks.map(({ position }) => `the worker never received ${position}`);
    }
    await pause(20);
  }
}
