import { stripVTControlCharacters } from "node:util";
import { InvalidArgumentError } from "commander";

/** Progress that a line of output tells of, by the named groups of the pattern. */
export interface LineProgress {
  readonly percent?: number;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: string;
  readonly message?: string;
}

const groupNames = ["percent", "done", "total", "unit", "message"];
/** Longest part of a line that the pattern is tried on, in characters; it bounds the time of a slow pattern. */
const maxLine = 2_000;

/** Reads the pattern of `--progress`. Throws an `InvalidArgumentError` that says what is missing. */
export function progressPattern(text: string): RegExp {
  let groups: readonly string[];
  try {
    groups = Object.keys(new RegExp(`${text}|`, "u").exec("")?.groups ?? {});
  } catch (error) {
    throw new InvalidArgumentError(
      `It must be a regular expression: ${error instanceof Error ? error.message : error}.`,
    );
  }
  const unknown = groups.find((name) => !groupNames.includes(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `It has a group ${JSON.stringify(unknown)}; use ${groupNames.join(", ")}.`,
    );
  }
  if (!groups.includes("percent") && !groups.includes("done")) {
    throw new InvalidArgumentError(
      "It must have a group (?<percent>…) or (?<done>…), for example '(?<done>[0-9]+)/(?<total>[0-9]+)'.",
    );
  }
  return new RegExp(text, "u");
}

/** Returns the progress that a line tells of, or undefined if the pattern does not match. */
export function progressOf(pattern: RegExp, line: string): LineProgress | undefined {
  const match = pattern.exec(stripVTControlCharacters(line.slice(0, maxLine)));
  if (match === null) return undefined;
  const { percent, done, total, unit, message } = match.groups ?? {};
  const numbers = { percent: numberOf(percent), done: numberOf(done), total: numberOf(total) };
  if (numbers.percent === undefined && numbers.done === undefined) return undefined;
  return {
    ...(numbers.percent !== undefined && { percent: numbers.percent }),
    ...(numbers.done !== undefined && { done: numbers.done }),
    ...(numbers.total !== undefined && { total: numbers.total }),
    ...(unit !== undefined && { unit: unit.trim() }),
    ...(message !== undefined && { message: message.trim() }),
  };
}

/** Reads a number as programs print it: `1,234`, `1_234` and `1 234` are 1234, and `45,5` is 45.5. */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const plain = text
    .trim()
    .replace(/(?<=[0-9])[,_' ](?=[0-9]{3}(?![0-9]))/g, "")
    .replace(",", ".");
  const value = Number(plain);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/**
 * Cuts output into lines, which end with a line feed or a carriage return. Keeps at most the beginning of a line that
 * has not ended.
 */
export class OutputLines {
  readonly #decoder = new TextDecoder();
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(bytes: Uint8Array): void {
    const parts = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/[\r\n]/);
    this.#rest = (parts.pop() ?? "").slice(0, maxLine);
    for (const line of parts) if (line !== "") this.#onLine(line);
  }

  /** Reads what was written of the present line, for programs that end no line. Call it when nothing follows. */
  pause(): void {
    if (this.#rest !== "") this.#onLine(this.#rest);
  }
}
