import { type Parsed, parsed, refused } from "./failure.ts";
import { isRecord, maxJsonDepth } from "./json.ts";
import { JsonText } from "./json-text.ts";
import { compactJson, endOfString } from "./json-tokens.ts";

/**
 * Parses untrusted JSON text: an object, or an array of objects. The fields with these names become
 * {@link JsonText}, so that what the sender wrote in them can be passed on unchanged. Of a field that occurs
 * twice, the last one counts.
 *
 * Refuses what `parseJson` refuses, and nesting deeper than `maxDepth`. The function measures the depth of the text
 * before it builds any value.
 */
export function parseCarrying(
  text: string,
  names: readonly string[],
  maxDepth = maxJsonDepth,
): Parsed<unknown> {
  const members = findMembers(text, names, maxDepth);
  if (members === undefined) {
    return refused("too_deep", `JSON may be nested ${maxDepth} deep at most`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused("bad_json", "the text is not valid JSON");
  }
  for (const { item, name, from, to, isSpaced } of members) {
    const record: unknown = Array.isArray(value) ? value[item] : value;
    if (!isRecord(record)) continue;
    const slice = text.slice(from, to);
    record[name] = new JsonText(detached(isSpaced ? compactJson(slice) : slice));
  }
  return parsed(value);
}

/** Place of the value of a field in a text. */
interface Member {
  /** Index of the object with the field in the outer array; 0 without an array. */
  readonly item: number;
  readonly name: string;
  readonly from: number;
  to: number;
  /** True if there may be whitespace between the tokens of the value. */
  isSpaced: boolean;
}

/**
 * Finds the values of the named fields of the outer object, or of the objects in the outer array. Returns
 * undefined if the text is nested too deep. The places are right only if the text is valid JSON.
 */
function findMembers(
  text: string,
  names: readonly string[],
  maxDepth: number,
): Member[] | undefined {
  const members: Member[] = [];
  /** Depth of the objects whose fields are looked for. */
  let outer = 1;
  let depth = 0;
  let item = 0;
  let keyFrom = 0;
  let keyTo = 0;
  let open: Member | undefined;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    switch (unit) {
      case doubleQuote: {
        const from = i;
        // Most strings are short, and a loop finds their end faster than a search does.
        const soon = i + 32;
        for (i++; i < soon; i++) {
          const inside = text.charCodeAt(i);
          if (inside === doubleQuote) break;
          if (inside === backslash) i++;
        }
        if (i >= soon) i = endOfString(text, from);
        if (depth === outer && open === undefined) {
          keyFrom = from;
          keyTo = i + 1;
        }
        break;
      }
      case openBracket:
      case openBrace:
        if (depth === 0 && unit === openBracket) outer = 2;
        depth++;
        if (depth > maxDepth) return undefined;
        break;
      case closeBracket:
      case closeBrace:
        if (depth === outer && open !== undefined) {
          open.to = i;
          open = undefined;
        }
        depth--;
        break;
      case colon:
        if (depth === outer && open === undefined) {
          const name = nameIn(text, keyFrom, keyTo, names);
          if (name === undefined) break;
          open = { item, name, from: i + 1, to: i + 1, isSpaced: false };
          members.push(open);
        }
        break;
      case comma:
        if (depth === outer) {
          if (open !== undefined) open.to = i;
          open = undefined;
        } else if (depth === 1) item++;
        break;
      case space:
      case tab:
      case lineFeed:
      case carriageReturn:
        if (open !== undefined) open.isSpaced = true;
        break;
    }
  }
  return members;
}

/** Returns the name that the key at this place in the text has, if it is one of `names`. */
function nameIn(
  text: string,
  from: number,
  to: number,
  names: readonly string[],
): string | undefined {
  for (const name of names) {
    if (to - from === name.length + 2 && text.startsWith(name, from + 1)) return name;
  }
  const written = text.slice(from, to);
  if (!written.includes("\\")) return undefined;
  try {
    const key: unknown = JSON.parse(written);
    return names.find((name) => name === key);
  } catch {
    return undefined;
  }
}

/**
 * Returns an equal string that does not keep the text alive that it was cut from. An engine may represent a
 * slice as a reference to the whole text, and a log would then hold a large frame for each small entry.
 */
function detached(slice: string): string {
  return ` ${slice}`.slice(1);
}

const doubleQuote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const colon = 0x3a;
const comma = 0x2c;
const space = 0x20;
const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
