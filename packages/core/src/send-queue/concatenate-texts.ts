import { isRecord } from "@milepost/protocol";

const maxLength = 64 * 1_024;
const pieceFields = ["append", "content"] as const;
const endFields: readonly string[] = ["done", "isComplete"];

/**
 * Returns one piece of text that equals `earlier` followed by `later`. Returns undefined where there is none:
 * the pieces are of different texts, `earlier` was the last of its text, one of them holds a whole text, or
 * both together exceed 64 Ki characters.
 */
export function concatenateTexts(earlier: unknown, later: unknown): object | undefined {
  if (!isRecord(earlier) || !isRecord(later) || isEnd(earlier)) return undefined;
  const name = pieceFields.find((field) => Object.hasOwn(earlier, field));
  if (name === undefined || Object.hasOwn(earlier, "text")) return undefined;
  const before = earlier[name];
  const piece = Object.hasOwn(later, name) || !isEnd(later) ? later[name] : "";
  if (typeof before !== "string" || typeof piece !== "string") return undefined;
  if (before.length + piece.length > maxLength) return undefined;
  for (const field of new Set([...Object.keys(earlier), ...Object.keys(later)])) {
    if (field === name || endFields.includes(field)) continue;
    if (!Object.hasOwn(earlier, field) || !Object.hasOwn(later, field)) return undefined;
    if (JSON.stringify(earlier[field]) !== JSON.stringify(later[field])) return undefined;
  }
  return { ...later, [name]: before + piece };
}

function isEnd(data: Record<string, unknown>): boolean {
  return data.done === true || data.isComplete === true;
}
