import { maxJsonDepth } from "@milepost/protocol";

/**
 * True if the JSON text of `value` is longer than `limit` characters. The length is approximate: escapes are
 * not counted. A value that is nested deeper than allowed counts as longer.
 *
 * The function stops as soon as it knows the result. A huge or circular value therefore costs no more than a
 * value at the limit.
 */
export function isLargerThan(value: unknown, limit: number): boolean {
  return remaining(value, limit, maxJsonDepth) < 0;
}

function remaining(value: unknown, budget: number, depth: number): number {
  if (typeof value === "string") return budget - value.length - 2;
  if (typeof value !== "object" || value === null) return budget - 4;
  if (depth === 0) return -1;
  let left = budget - 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      left = remaining(item, left - 1, depth - 1);
      if (left < 0) return left;
    }
    return left;
  }
  for (const key of Object.keys(value)) {
    const field = (value as Record<string, unknown>)[key];
    left = remaining(field, left - key.length - 4, depth - 1);
    if (left < 0) return left;
  }
  return left;
}
