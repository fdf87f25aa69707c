import { isExact } from "./json-loss.ts";
import { type JsonVisitor, unquoted, walkJson } from "./json-tokens.ts";

/**
 * Marks of a text that `JSON.parse` may change: long or huge numbers, minus zero, and keys that look like array
 * indexes, which JavaScript puts before all other keys. A mark in a string does no harm.
 */
const marks = /\d{16}|\d[eE][+-]?\d{3}|-0(?![.\d])|"\d+":/;

/** Bounds of the whole numbers of 64 bits, signed and unsigned. */
const min64 = -(2n ** 63n);
const max64 = 2n ** 64n - 1n;

/**
 * Parses a valid JSON text without whitespace, for an encoding with whole numbers of 64 bits.
 *
 * - A whole number without fraction and exponent that JavaScript would round becomes a BigInt if it has 64 bits,
 *   otherwise a string.
 * - Any other number is the nearest one of 64-bit floating point. A number that would become infinite, or zero
 *   though it is not, becomes a string.
 * - An object may be a Map, which keeps the order of its keys. Of equal keys the last one counts.
 */
export function parseExactly(text: string): unknown {
  if (!marks.test(text)) return JSON.parse(text);
  const builder = new Builder();
  walkJson(text, builder);
  return builder.value;
}

class Builder implements JsonVisitor {
  value: unknown;
  readonly #open: (Map<string, unknown> | unknown[])[] = [];
  readonly #keys: string[] = [];

  begin(isObject: boolean): boolean {
    const container = isObject ? new Map<string, unknown>() : [];
    this.#add(container);
    this.#open.push(container);
    return true;
  }

  end(): boolean {
    this.#open.pop();
    return true;
  }

  key(written: string): boolean {
    this.#keys.push(unquoted(written));
    return true;
  }

  scalar(written: string): boolean {
    this.#add(/^[-\d]/.test(written) ? numberIn(written) : JSON.parse(written));
    return true;
  }

  #add(value: unknown): void {
    const container = this.#open.at(-1);
    if (container === undefined) this.value = value;
    else if (Array.isArray(container)) container.push(value);
    else container.set(this.#keys.pop() ?? "", value);
  }
}

function numberIn(written: string): number | bigint | string {
  const number = Number(written);
  if (/^-?\d+$/.test(written)) {
    if (Number.isSafeInteger(number) || isExact(written)) return number;
    if (written.length > 20) return written;
    const whole = BigInt(written);
    return whole >= min64 && whole <= max64 ? whole : written;
  }
  const isLost = !Number.isFinite(number) || (number === 0 && /^-?[\d.]*[1-9]/.test(written));
  return isLost ? written : number;
}
