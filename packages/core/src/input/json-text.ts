import { isNestedDeeper, maxJsonDepth, type Parsed, parsed, refused } from "@milepost/protocol";

const encoder = new TextEncoder();

/**
 * Event data as JSON text, checked once as it enters.
 *
 * Refuses what JSON cannot carry (undefined, functions, BigInt, cycles) with `bad_message`, nesting past 64
 * with `too_deep`, and more than `maxBytes` of UTF-8 with `too_large`.
 */
export function readJsonText(data: unknown, maxBytes: number): Parsed<string> {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch {
    return refused("bad_message", "data must be JSON: no BigInt, no cycle, no toJSON that throws");
  }
  if (json === undefined) return refused("bad_message", "data must be a JSON value, or null");
  if (isLonger(json, maxBytes))
    return refused("too_large", `data is over ${maxBytes} bytes of JSON`);
  if (isNestedDeeper(json, maxJsonDepth)) {
    return refused("too_deep", `data may be nested ${maxJsonDepth} deep at most`);
  }
  return parsed(json);
}

function isLonger(json: string, maxBytes: number): boolean {
  if (json.length > maxBytes) return true;
  // A UTF-16 unit is at most three bytes of UTF-8: most texts need no counting.
  return json.length * 3 > maxBytes && encoder.encode(json).length > maxBytes;
}
