import {
  findUncarried,
  isNestedDeeper,
  JsonText,
  maxJsonDepth,
  type Parsed,
  parsed,
  refused,
} from "@milepost/protocol";

const encoder = new TextEncoder();

/**
 * Checks event data once, as it enters the gateway, and returns its JSON text. The text of a `JsonText` stays
 * as it is.
 *
 * Refuses data that JSON cannot carry with `bad_message`: a BigInt, NaN or an infinity, undefined in a list or as
 * the whole value, a Map or Set, a cycle. Refuses nesting deeper than 64 levels with `too_deep`, and more than
 * `maxBytes` bytes of UTF-8 with `too_large`. Messages about a part of the data begin with `name`.
 */
export function readJsonText(data: unknown, maxBytes: number, name = "data"): Parsed<string> {
  const json = data instanceof JsonText ? parsed(data.text) : asJson(data, name);
  if (!json.ok) return json;
  if (isLonger(json.value, maxBytes))
    return refused("too_large", `data is over ${maxBytes} bytes of JSON; send less data`);
  // The parser has measured the depth of a JsonText.
  if (!(data instanceof JsonText) && isNestedDeeper(json.value, maxJsonDepth)) {
    return refused("too_deep", `data is nested more than ${maxJsonDepth} levels deep; flatten it`);
  }
  return json;
}

function asJson(data: unknown, name: string): Parsed<string> {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch {
    return refused("bad_message", "data must be JSON: no BigInt, no cycle, no toJSON that throws");
  }
  if (json === undefined)
    return refused("bad_message", "data must be a JSON value; send null if there is none");
  const uncarried = findUncarried(data, name);
  return uncarried === undefined ? parsed(json) : refused("bad_message", uncarried);
}

function isLonger(json: string, maxBytes: number): boolean {
  if (json.length > maxBytes) return true;
  // A UTF-16 unit takes at most three bytes of UTF-8, so most texts need no exact count.
  return json.length * 3 > maxBytes && encoder.encode(json).length > maxBytes;
}
