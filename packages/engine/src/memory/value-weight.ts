const pointer = 8;
const object = 56;
const list = 32;

/**
 * Returns the approximate number of bytes that a JSON value takes in memory. Small values take many times the length of
 * their text: a megabyte of `[[],[],…]` becomes 15 MB.
 */
export function valueWeight(value: unknown): number {
  if (typeof value === "string") return pointer + 16 + value.length;
  if (typeof value !== "object" || value === null) return pointer;
  let weight = pointer;
  if (Array.isArray(value)) {
    weight += list;
    for (const item of value) weight += valueWeight(item);
    return weight;
  }
  weight += object;
  for (const key of Object.keys(value)) {
    weight += pointer + valueWeight((value as Readonly<Record<string, unknown>>)[key]);
  }
  return weight;
}
