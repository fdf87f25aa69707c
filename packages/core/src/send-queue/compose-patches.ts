import { isRecord } from "@milepost/protocol";

/**
 * Returns the JSON merge patch (RFC 7396) that equals `earlier` followed by `later`. Returns undefined when no
 * patch does: when `later` changes fields of a value that `earlier` set to something other than an object.
 */
export function composePatches(earlier: unknown, later: unknown): unknown {
  // A patch that is not an object replaces everything.
  if (!isRecord(later)) return later;
  if (!isRecord(earlier)) return undefined;
  const composed = new Map(Object.entries(earlier));
  for (const [name, value] of Object.entries(later)) {
    const patch = composed.has(name) ? composePatches(composed.get(name), value) : value;
    if (patch === undefined) return undefined;
    composed.set(name, patch);
  }
  // `Object.fromEntries` defines own fields, even one that is named __proto__.
  return Object.fromEntries(composed);
}
