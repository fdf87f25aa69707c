import { setTimeout as wait } from "node:timers/promises";
import { Refusal } from "../api.ts";
import { CommandFailure } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";
import { Screen } from "./screen.ts";

/** Source of a live view, with the functions that turn what is read into lines. */
export interface Watched<Seen> {
  /** Time between two looks, in milliseconds. */
  readonly everyMs: number;
  look(): Promise<Seen>;
  /** Lines for a terminal, which replace those before. */
  lines(seen: Seen): readonly string[];
  /** Lines for a pipe: what has changed since the look before, which is undefined for the first one. */
  changes(seen: Seen, before: Seen | undefined): readonly string[];
  /** True when nothing can change any more. */
  isOver?(seen: Seen): boolean;
}

/**
 * Shows what is watched until it is over or the user interrupts: redrawn in place in a terminal, and in a pipe as one line
 * for each change. A gateway that does not answer leaves the last view and a note, and is asked again. Resolves to what
 * was seen last. Rejects when the gateway refuses, and when it does not answer the first time.
 */
export async function watch<Seen>(
  terminal: Terminal,
  watched: Watched<Seen>,
  isPlain = terminal.columns === undefined,
): Promise<Seen | undefined> {
  const screen = isPlain ? undefined : new Screen(terminal);
  const signals = [terminal.signal, ...(screen === undefined ? [] : [screen.ended])];
  const signal = AbortSignal.any(signals);
  let seen: Seen | undefined;
  let isAway = false;
  try {
    while (!signal.aborted) {
      try {
        const next = await watched.look();
        if (signal.aborted) break;
        if (screen === undefined) {
          for (const line of watched.changes(next, seen)) terminal.out(line);
        } else screen.show(watched.lines(next));
        if (isAway && screen === undefined) terminal.err("milepost: the gateway answers again");
        isAway = false;
        seen = next;
        if (watched.isOver?.(next) === true) return next;
      } catch (error) {
        if (seen === undefined || !isPassing(error)) throw error;
        const note = `milepost: ${error.message}; trying again`;
        if (screen !== undefined) screen.show([...watched.lines(seen), "", note]);
        else if (!isAway) terminal.err(note);
        isAway = true;
      }
      await wait(watched.everyMs, undefined, { signal }).catch(() => {});
    }
    return seen;
  } finally {
    screen?.close();
    // What was seen last stays in the terminal, below the command.
    if (screen !== undefined && seen !== undefined) {
      for (const line of watched.lines(seen)) terminal.out(line);
    }
  }
}

/** True for a failure that may pass: no answer, or an answer that says so. */
export function isPassing(error: unknown): error is CommandFailure {
  if (error instanceof Refusal) return error.status === 429 || error.status >= 500;
  return error instanceof CommandFailure;
}
