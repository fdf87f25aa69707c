import type { CoreLog } from "@milepost/core";
import type { Cancel, Clock } from "@milepost/engine";
import { reasonOf } from "./reason.ts";

/** Time over which repetitions of a message are counted, in milliseconds. */
const windowMs = 10_000;
/** Number of different lines with one message that are written in one window. */
const maxLines = 10;
/** Number of values that are kept of each field of the lines that are not written. */
const maxValues = 5;
/** Number of fields whose values are kept. */
const maxFields = 20;
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
  /** Values of each field in the lines that were not written, by their text. */
  readonly values: Map<string, Map<string, unknown>>;
}

/**
 * Log that a client cannot fill: lines which repeat within 10 s are collapsed.
 *
 * A line with the same message and the same fields is not written again, and of lines that differ in their fields only
 * the first ten of a message are. When the window ends, one line says how many more there were (`repeated`), with the
 * fields of the last of them. Where the lines differ in a field, `others` has its other values, four at most.
 *
 * Lines of the audit (`event` is `audit`) are all written: only services cause them.
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
    for (const { level, message, repeated, last, values } of repetitions) {
      if (repeated === 0) continue;
      const others = othersOf(values, last);
      this.#log[level]({ ...last, repeated, ...(others && { others }) }, message);
    }
  }

  #add(level: Level, fields: Record<string, unknown>, message: string): void {
    if (fields.event === "audit") {
      this.#log[level](fields, message);
      return;
    }
    const key = `${level} ${message}`;
    let repetition = this.#repetitions.get(key);
    if (repetition === undefined) {
      if (this.#repetitions.size >= maxMessages) {
        this.#log[level](fields, message);
        return;
      }
      repetition = {
        level,
        message,
        written: new Set(),
        repeated: 0,
        last: fields,
        values: new Map(),
      };
      this.#repetitions.set(key, repetition);
      this.#cancel ??= this.#clock.after(windowMs, () => this.flush());
    }
    const { written } = repetition;
    const line = written.size < maxLines ? textOf(fields) : undefined;
    if (line === undefined || written.has(line)) {
      repetition.repeated++;
      repetition.last = fields;
      keepValues(repetition.values, fields);
      return;
    }
    written.add(line);
    this.#log[level](fields, message);
  }
}

/** Keeps the values of a line that is not written, as far as there is room. */
function keepValues(
  values: Map<string, Map<string, unknown>>,
  fields: Record<string, unknown>,
): void {
  for (const [name, value] of Object.entries(fields)) {
    let known = values.get(name);
    if (known === undefined) {
      if (values.size >= maxFields) continue;
      known = new Map();
      values.set(name, known);
    }
    if (known.size < maxValues) known.set(textOf({ value }), value);
  }
}

/** Returns the values that the lines had besides those of the last one; undefined if they had none. */
function othersOf(
  values: ReadonlyMap<string, ReadonlyMap<string, unknown>>,
  last: Record<string, unknown>,
): Record<string, readonly unknown[]> | undefined {
  const others: Record<string, readonly unknown[]> = {};
  for (const [name, known] of values) {
    const own = textOf({ value: last[name] });
    const rest = [...known].filter(([text]) => text !== own).map(([, value]) => value);
    if (rest.length > 0) {
      others[name] = rest
        .slice(0, maxValues - 1)
        .map((value) => (value instanceof Error ? reasonOf(value) : value));
    }
  }
  return Object.keys(others).length === 0 ? undefined : others;
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
