import { isRecord } from "@milepost/protocol";

/**
 * The JSON merge patch (RFC 7396) that does what `earlier` and then `later` do; undefined when no patch does: an object
 * that takes the place of a value says nothing of what was there before.
 */
export function composePatches(earlier: unknown, later: unknown): unknown {
  // A patch that is no object replaces everything.
  if (!isRecord(later)) return later;
  if (!isRecord(earlier)) return undefined;
  const composed = new Map(Object.entries(earlier));
  for (const [name, value] of Object.entries(later)) {
    const patch = composed.has(name) ? composePatches(composed.get(name), value) : value;
    if (patch === undefined) return undefined;
    composed.set(name, patch);
  }
  // Defines own fields, also one that is named __proto__.
  return Object.fromEntries(composed);
}
