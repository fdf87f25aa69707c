import { cutText, JsonText } from "@milepost/protocol";
import { InvalidArgumentError } from "commander";

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads a duration such as `90s`, `15m` or `12h` as milliseconds; a bare number is seconds. */
export function durationMs(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?$/.exec(text);
  const value = Number(match?.[1]) * unitMs[(match?.[2] ?? "s") as keyof typeof unitMs];
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("It must be a duration such as 90s, 15m, 12h or 7d.");
  }
  return value;
}

/** Returns a reader of whole numbers from `min` to `max`. */
export function integerFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Parser for an option that may be repeated: adds each value to a list. */
export function repeated(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), text];
}

/**
 * Reads a command-line argument as JSON, and keeps its text. Throws an `InvalidArgumentError` if the argument is not
 * JSON.
 */
export function json(text: string): JsonText {
  const read = JsonText.parse(text);
  if (read.ok) return read.value;
  throw new InvalidArgumentError(
    read.failure.code === "too_deep"
      ? `${read.failure.message}.`
      : `It must be JSON; quote a text as JSON, then quote that for the shell: '${JSON.stringify(cutText(text, 40))}'.`,
  );
}

/**
 * Reads the bytes of standard input as JSON. Throws an `InvalidArgumentError` if they are not JSON in UTF-8. A byte
 * order mark at the beginning is skipped.
 */
export function jsonOfInput(bytes: Uint8Array): JsonText {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new InvalidArgumentError("standard input is not valid UTF-8; convert it, then publish");
  }
  return json(text);
}
