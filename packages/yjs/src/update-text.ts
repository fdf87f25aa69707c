import { isRecord } from "@milepost/protocol";
import { fromBase64, toBase64 } from "lib0/buffer";

/** Event of an update of a document. */
export const updateEvent = "update";
/** Event of a snapshot of a document, which only the compactor publishes. */
export const snapshotEvent = "snapshot";

/** Number of base64 characters of one piece. A page of history has at most 256 KiB, and a message 1 MiB. */
const pieceLength = 131_072;
const maxPieces = 1_024;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Data of an entry of a document: a whole update, or one piece of a large one. All pieces of an update have its `id`.
 */
export interface UpdateData {
  /** Bytes of the update, or of its piece, in base64. */
  readonly update: string;
  readonly id?: string;
  /** Number of the piece, from 0. */
  readonly piece?: number;
  readonly pieces?: number;
  /** Number of compactions that have kept the piece because the others were missing. */
  readonly kept?: number;
}

/** Returns the data that publish an update: one entry, or several pieces of a large update. */
export function updateData(update: Uint8Array, newId: () => string): readonly UpdateData[] {
  const text = toBase64(update);
  if (text.length <= pieceLength) return [{ update: text }];
  const id = newId();
  const pieces = Math.ceil(text.length / pieceLength);
  return Array.from({ length: pieces }, (_, piece) => ({
    update: text.slice(piece * pieceLength, (piece + 1) * pieceLength),
    id,
    piece,
    pieces,
  }));
}

/** Reads the data of an entry; undefined where they are none of an update. */
export function readUpdateData(data: unknown): UpdateData | undefined {
  if (!isRecord(data) || typeof data.update !== "string") return undefined;
  const { update, id, piece, pieces, kept } = data;
  if (id === undefined) return { update };
  if (typeof id !== "string" || id.length > 128) return undefined;
  if (!isCount(pieces) || pieces < 2 || pieces > maxPieces) return undefined;
  if (!isCount(piece) || piece >= pieces) return undefined;
  return { update, id, piece, pieces, ...(isCount(kept) ? { kept } : {}) };
}

/** Returns the bytes of base64 text; undefined where it is none. */
export function bytesOf(text: string): Uint8Array | undefined {
  // Node would read any text as base64.
  return text.length % 4 === 0 && base64.test(text) ? fromBase64(text) : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
