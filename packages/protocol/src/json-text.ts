import { type Parsed, parsed, refused } from "./failure.ts";
import { parseJson } from "./json.ts";
import { findLoss } from "./json-loss.ts";
import { compactJson } from "./json-tokens.ts";

/** Set while {@link writeJson} looks for a `JsonText` in a value. */
let search: { found: boolean } | undefined;

/**
 * A JSON value as the text that its sender wrote, without the whitespace between tokens.
 *
 * Numbers keep their spelling and their digits, and objects keep the order of their keys and equal keys.
 * {@link writeJson} and `encodeMsgpack` write the text into a message. `JSON.stringify` writes the value that
 * JavaScript reads from it, whose numbers may be rounded.
 */
export class JsonText {
  readonly text: string;

  /** Creates the value from a text that is known to be JSON without whitespace between tokens. */
  constructor(text: string) {
    this.text = text;
  }

  /** Parses untrusted text, with the refusals of {@link parseJson}. */
  static parse(text: string): Parsed<JsonText> {
    const json = parseJson(text);
    return json.ok ? parsed(new JsonText(compactJson(text))) : json;
  }

  toJSON(): unknown {
    if (search === undefined) return JSON.parse(this.text);
    search.found = true;
    return null;
  }
}

/**
 * Returns the value of a field that the gateway has to look into. A value that is not a `JsonText` is returned
 * unchanged.
 *
 * Refuses with `bad_message` a text that JavaScript would change: a number that it would round, or a key that
 * occurs twice in one object. The message names the place, beginning with `name`, and the value.
 */
export function readExactly(value: unknown, name: string): Parsed<unknown> {
  if (!(value instanceof JsonText)) return parsed(value);
  const loss = findLoss(value.text, name);
  return loss === undefined
    ? parsed(JSON.parse(value.text) as unknown)
    : refused("bad_message", loss);
}

/** Writes a value as `JSON.stringify` does, and each {@link JsonText} in it as its own text. */
export function writeJson(value: unknown): string {
  const outer = search;
  search = { found: false };
  try {
    const json = JSON.stringify(value);
    return search.found ? (written(value) ?? "null") : json;
  } finally {
    search = outer;
  }
}

function written(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (value instanceof JsonText) return value.text;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return written(toJSON.call(value));
  if (Array.isArray(value)) return `[${value.map((item) => written(item) ?? "null").join(",")}]`;
  const fields: string[] = [];
  for (const [name, field] of Object.entries(value)) {
    const json = written(field);
    if (json !== undefined) fields.push(`${JSON.stringify(name)}:${json}`);
  }
  return `{${fields.join(",")}}`;
}
