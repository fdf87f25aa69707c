import { isNestedDeeper, maxJsonDepth, type Parsed, parsed, refused } from "@milepost/protocol";

const encoder = new TextEncoder();

/**
 * Checks event data once, as it enters the gateway, and serialises it to JSON text.
 *
 * Refuses data that JSON cannot carry (a BigInt, a cycle, or undefined or a function as the whole value) with
 * `bad_message`, nesting deeper than 64 levels with `too_deep`, and more than `maxBytes` bytes of UTF-8 with
 * `too_large`.
 */
export function readJsonText(data: unknown, maxBytes: number): Parsed<string> {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch {
    return refused("bad_message", "data must be JSON: no BigInt, no cycle, no toJSON that throws");
  }
  if (json === undefined)
    return refused("bad_message", "data must be a JSON value; send null if there is none");
  if (isLonger(json, maxBytes))
    return refused("too_large", `data is over ${maxBytes} bytes of JSON; send less data`);
  if (isNestedDeeper(json, maxJsonDepth)) {
    return refused("too_deep", `data is nested more than ${maxJsonDepth} levels deep; flatten it`);
  }
  return parsed(json);
}

function isLonger(json: string, maxBytes: number): boolean {
  if (json.length > maxBytes) return true;
  // A UTF-16 unit takes at most three bytes of UTF-8, so most texts need no exact count.
  return json.length * 3 > maxBytes && encoder.encode(json).length > maxBytes;
}
