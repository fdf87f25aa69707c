import type { CoreLog } from "@milepost/core";
import type { Cancel, Clock } from "@milepost/engine";
import { reasonOf } from "./reason.ts";

/** Time over which repetitions of a message are counted, in milliseconds. */
const windowMs = 10_000;
/** Number of different lines with one message that are written in one window. */
const maxLines = 10;
/** Number of messages whose repetitions are counted at once. Further ones are written as they come. */
const maxMessages = 256;

type Level = "info" | "warn" | "error";

/** Lines with one message in the current window. */
interface Repetition {
  readonly level: Level;
  readonly message: string;
  /** Fields of the lines that were written, as text. */
  readonly written: Set<string>;
  /** Number of lines that were not written. */
  repeated: number;
  /** Fields of the last line that was not written. */
  last: Record<string, unknown>;
}

/**
 * Log that a client cannot fill: lines which repeat within 10 s are collapsed.
 *
 * A line with the same message and the same fields is not written again, and of lines that differ in their fields only
 * the first ten of a message are. When the window ends, one line says how many more there were (`repeated`), with the
 * fields of the last of them.
 */
export class CollapsingLog implements CoreLog {
  readonly #log: CoreLog;
  readonly #clock: Pick<Clock, "after">;
  readonly #repetitions = new Map<string, Repetition>();
  #cancel: Cancel | undefined;

  constructor(log: CoreLog, clock: Pick<Clock, "after">) {
    this.#log = log;
    this.#clock = clock;
  }

  info(fields: Record<string, unknown>, message: string): void {
    this.#add("info", fields, message);
  }

  warn(fields: Record<string, unknown>, message: string): void {
    this.#add("warn", fields, message);
  }

  error(fields: Record<string, unknown>, message: string): void {
    this.#add("error", fields, message);
  }

  /** Writes what was counted so far, and ends the window. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const repetitions = [...this.#repetitions.values()];
    this.#repetitions.clear();
    for (const { level, message, repeated, last } of repetitions) {
      if (repeated > 0) this.#log[level]({ ...last, repeated }, message);
    }
  }

  #add(level: Level, fields: Record<string, unknown>, message: string): void {
    const key = `${level} ${message}`;
    let repetition = this.#repetitions.get(key);
    if (repetition === undefined) {
      if (this.#repetitions.size >= maxMessages) {
        this.#log[level](fields, message);
        return;
      }
      repetition = { level, message, written: new Set(), repeated: 0, last: fields };
      this.#repetitions.set(key, repetition);
      this.#cancel ??= this.#clock.after(windowMs, () => this.flush());
    }
    const { written } = repetition;
    const line = written.size < maxLines ? textOf(fields) : undefined;
    if (line === undefined || written.has(line)) {
      repetition.repeated++;
      repetition.last = fields;
      return;
    }
    written.add(line);
    this.#log[level](fields, message);
  }
}

/** Returns the fields as text. Errors are the same if their reasons are. */
function textOf(fields: Record<string, unknown>): string {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Error ? reasonOf(value) : value,
  ]);
  try {
    return JSON.stringify(entries) ?? "";
  } catch {
    return String(entries);
  }
}
