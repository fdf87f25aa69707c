import type { CompactedEntry } from "@milepost/core";
import {
  applyUpdate,
  Doc,
  decodeUpdate,
  diffUpdate,
  encodeStateAsUpdate,
  encodeStateVector,
  equalSnapshots,
  mergeUpdates,
  snapshot,
} from "yjs";
import { isUpdate } from "../is-update.ts";
import { Pieces } from "../pieces.ts";
import { readUpdateData, snapshotEvent, type UpdateData, updateData } from "../update-text.ts";

/** Number of compactions after which a piece whose update never became complete is dropped. */
const maxKept = 16;

/** Options of {@link mergeEntries}. */
export interface MergeOptions {
  /** False to keep the content of what was deleted, for documents whose old versions must be shown; default true. */
  readonly gc?: boolean;
}

/**
 * Returns the data of the entries that replace all entries of a document: its snapshot, and the pieces of updates whose other
 * pieces are not there yet.
 *
 * Bytes that are no update, or that Yjs cannot apply, are left out, as every reader of the document leaves them out. Throws where the snapshot does not
 * say the same as the updates.
 */
export function mergeEntries(
  entries: readonly CompactedEntry[],
  newId: () => string,
  { gc = true }: MergeOptions = {},
): readonly string[] {
  const pieces = new Pieces();
  // Of a compaction that ended early. What it covers is still in the log.
  const abandoned = new Pieces();
  const updates: Uint8Array[] = [];
  for (const { event, json } of entries) {
    const data = JSON.parse(json) as unknown;
    const isOwn = event === snapshotEvent && readUpdateData(data)?.kept === undefined;
    const update = (isOwn ? abandoned : pieces).take(data);
    if (update !== undefined && isUpdate(update)) updates.push(update);
  }
  const doc = new Doc({ gc });
  const applied = updates.filter((update) => isApplied(doc, update));
  const merged = encodeStateAsUpdate(doc);
  verify(doc, merged, applied);
  const incomplete = pieces.incomplete
    .map((piece): UpdateData => ({ ...piece, kept: (piece.kept ?? 0) + 1 }))
    .filter(({ kept = 0 }) => kept <= maxKept);
  // The snapshot comes last, because the last entry is the one that drops what was read.
  return [...incomplete, ...updateData(merged, newId)].map((data) => JSON.stringify(data));
}

/** Applies an update. Returns false for bytes that can be read as an update, but make Yjs throw. */
function isApplied(doc: Doc, update: Uint8Array): boolean {
  try {
    applyUpdate(doc, update);
    return true;
  } catch {
    return false;
  }
}

/** Throws unless a document made of the snapshot alone has all that the updates have, and no more. */
export function verify(doc: Doc, merged: Uint8Array, updates: readonly Uint8Array[]): void {
  const copy = new Doc({ gc: doc.gc });
  applyUpdate(copy, merged);
  const isSame = equalSnapshots(snapshot(doc), snapshot(copy));
  const isWaiting = (one: Doc) => one.store.pendingStructs !== null || one.store.pendingDs !== null;
  // Updates that wait for an earlier one are part of the snapshot, and are compared as they are.
  const missing =
    updates.length === 0 || isWaiting(doc)
      ? 0
      : decodeUpdate(diffUpdate(mergeUpdates([...updates]), encodeStateVector(copy))).structs
          .length;
  if (!isSame || isWaiting(doc) !== isWaiting(copy) || missing > 0) {
    throw new Error("the snapshot of a document differs from its updates");
  }
}
