/**
 * Finds a value that JSON cannot carry and that `JSON.stringify` would turn into null or `{}`: NaN, an infinity,
 * an invalid Date, a Map or Set, and undefined, a function or a symbol in a list or as the whole value. Returns a
 * message that names the place, beginning with `path`; undefined if there is none.
 *
 * A field that is undefined, a function or a symbol is left out of the JSON, as `JSON.stringify` does. The value
 * must have been written by `JSON.stringify` before, which refuses cycles and BigInts.
 */
export function findUncarried(value: unknown, path: string): string | undefined {
  if (typeof value === "number" ? !Number.isFinite(value) : isLeftOut(value)) {
    return `${path} is ${String(value)}, which JSON cannot carry; send null, or a string`;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    const json: unknown = toJSON.call(value);
    // The platform writes an invalid Date as null.
    return findUncarried(json === null && value instanceof Date ? Number.NaN : json, path);
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = findUncarried(value[i], `${path}[${i}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (value instanceof Map || value instanceof Set) {
    return `${path} is a Map or Set, which JSON cannot carry; send an object or a list`;
  }
  for (const [name, field] of Object.entries(value)) {
    const found = isLeftOut(field) ? undefined : findUncarried(field, `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isLeftOut(value: unknown): boolean {
  return value === undefined || typeof value === "function" || typeof value === "symbol";
}
