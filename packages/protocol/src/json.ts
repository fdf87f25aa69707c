import { type Parsed, parsed, refused } from "./failure.ts";

/** True if `value` is an object with fields: not an array, not null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Returns a copy of the fields that are not undefined. Some objects distinguish an absent field from one that
 * is `undefined`.
 */
export function definedFields<T extends object>(
  fields: T,
): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const defined: { [Name in keyof T]?: Exclude<T[Name], undefined> } = {};
  for (const name in fields) {
    if (fields[name] !== undefined) defined[name] = fields[name] as never;
  }
  return defined;
}

/** Maximum nesting depth of objects and arrays in untrusted data. Deeper data is refused with `too_deep`. */
export const maxJsonDepth = 64;

/**
 * Parses untrusted JSON text. Refuses invalid JSON with `bad_json`, and nesting deeper than {@link
 * maxJsonDepth} with `too_deep`.
 *
 * The function measures the depth of the text before it builds any value.
 */
export function parseJson(text: string): Parsed<unknown> {
  if (isNestedDeeper(text, maxJsonDepth)) {
    return refused("too_deep", `JSON may be nested ${maxJsonDepth} deep at most`);
  }
  try {
    return parsed(JSON.parse(text) as unknown);
  } catch {
    return refused("bad_json", "the text is not valid JSON");
  }
}

/**
 * True if objects and arrays in a JSON text are nested more than `limit` deep. Brackets inside strings do not
 * count.
 */
export function isNestedDeeper(text: string, limit: number): boolean {
  if (text.length <= limit) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (inString) {
      if (unit === backslash) i++;
      else if (unit === doubleQuote) inString = false;
    } else if (unit === doubleQuote) inString = true;
    else if (unit === openBracket || unit === openBrace) {
      depth++;
      if (depth > limit) return true;
    } else if (unit === closeBracket || unit === closeBrace) depth--;
  }
  return false;
}

const doubleQuote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
