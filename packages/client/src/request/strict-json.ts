import { MilepostError } from "@milepost/protocol";

/**
 * Writes a value as JSON. Throws `bad_message` for a value that `JSON.stringify` refuses, or would turn into null or
 * `{}`: NaN, an infinity, an invalid Date, a Map or Set, and undefined, a function or a symbol in a list. Leaves out
 * a field that is undefined, a function or a symbol.
 */
export function strictJson(value: unknown): string {
  try {
    return JSON.stringify(value, refuseLoss);
  } catch (cause) {
    throw new MilepostError("bad_message", `the message cannot be written as JSON: ${cause}`, {
      cause,
    });
  }
}

function refuseLoss(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const given = this[name];
  const type = typeof value;
  if (
    (type === "number" && !Number.isFinite(value)) ||
    (value === null && given instanceof Date) ||
    given instanceof Map ||
    given instanceof Set ||
    (Array.isArray(this) && (type === "undefined" || type === "function" || type === "symbol"))
  ) {
    throw new TypeError(`${name} is ${String(given)}`);
  }
  return value;
}
