import { isRecord } from "@milepost/protocol";

/** Returns true if two items are equal by JSON Schema: the order of an object's fields does not matter. */
export function hasDuplicates(items: readonly unknown[]): boolean {
  const seen = new Set<string>();
  for (const item of items) {
    const text = JSON.stringify(item, inOrder);
    if (seen.has(text)) return true;
    seen.add(text);
  }
  return false;
}

function inOrder(_key: string, value: unknown): unknown {
  if (!isRecord(value)) return value;
  // Entries define own fields, so a field named __proto__ is one like any other.
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
