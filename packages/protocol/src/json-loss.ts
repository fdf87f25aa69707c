import { cutText } from "./cut-text.ts";
import { type JsonVisitor, unquoted, walkJson } from "./json-tokens.ts";

const maxQuoted = 64;
/** Length of a number without an exponent that JavaScript carries, whatever its digits are. */
const safeLength = 15;

/**
 * Finds a place where JavaScript would change the value of a valid JSON text: a number that it would round, or
 * a key that occurs twice in one object. Returns a message that names the place, beginning with `name`, and the
 * value; undefined if the value stays the same.
 *
 * The spelling of a number is not part of its value: `1.0` and `1` are equal, and so are `-0` and `0`.
 */
export function findLoss(text: string, name: string): string | undefined {
  const search = new LossSearch();
  walkJson(text, search);
  return search.why && name + search.path + search.why;
}

/** An object or array around the current value. */
interface Level {
  /** Key or index of the current value; undefined before the first key of an object. */
  at: string | number | undefined;
  /** Keys before the current one; undefined for an array and for the first key of an object. */
  keys?: Set<string>;
}

/** One pass over a JSON text, which ends at the first loss. */
class LossSearch implements JsonVisitor {
  why: string | undefined;
  readonly #levels: Level[] = [];

  /** Path of the current value, for example `.items[2].id`. */
  get path(): string {
    return this.#levels.map(({ at }) => step(at)).join("");
  }

  begin(isObject: boolean): boolean {
    this.#next();
    this.#levels.push({ at: isObject ? undefined : -1 });
    return true;
  }

  end(): boolean {
    this.#levels.pop();
    return true;
  }

  key(written: string): boolean {
    const level = this.#levels.at(-1);
    if (level === undefined) return true;
    const key = unquoted(written);
    const before = level.at;
    level.at = key;
    // Most objects have few keys, and one with a single key needs no set.
    if (before === undefined) return true;
    level.keys ??= new Set([String(before)]);
    if (!level.keys.has(key)) level.keys.add(key);
    else this.why = " occurs twice; send each key once";
    return this.why === undefined;
  }

  scalar(written: string): boolean {
    this.#next();
    if (!/^[-\d]/.test(written)) return true;
    if (written.length <= safeLength && !/e/i.test(written)) return true;
    if (isExact(written)) return true;
    const quoted = written.length > maxQuoted ? `${written.slice(0, maxQuoted)}…` : written;
    this.why = ` is ${quoted}, which the gateway cannot read without changing it; send a number of fewer digits, or a string`;
    return false;
  }

  /** Counts the items of an array. */
  #next(): void {
    const level = this.#levels.at(-1);
    if (typeof level?.at === "number") level.at++;
  }
}

/** Returns the part of a path that leads to a field or an item. */
function step(at: string | number | undefined): string {
  if (at === undefined) return "";
  if (typeof at === "number") return `[${at}]`;
  const name = at.length > maxQuoted ? `${cutText(at, maxQuoted)}…` : at;
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** True if JavaScript reads a JSON number as the same number, and writes that number again. */
export function isExact(written: string): boolean {
  const number = Number(written);
  return Number.isFinite(number) && normalised(written) === normalised(String(number));
}

/** Returns the sign, the digits without leading and trailing zeros, and the decimal exponent of a number. */
function normalised(written: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(written) ?? [];
  const digits = whole + fraction;
  let from = 0;
  let to = digits.length;
  while (digits.charCodeAt(from) === zero) from++;
  if (from === to) return "0";
  while (digits.charCodeAt(to - 1) === zero) to--;
  const power = Number(exponent) - fraction.length + digits.length - to;
  return `${sign}${digits.slice(from, to)}e${power}`;
}

const zero = 0x30;
