import type { MessageId } from "./message-id.ts";

/** One part of a stream that belongs to the request `stream`; both sides send it. */
export interface ChunkPart {
  readonly type: "chunk";
  readonly stream: MessageId;
  /** Counts from 0, without a gap. */
  readonly index: number;
  /** Any JSON value; absent on a last part that only says that it is the last. */
  readonly data?: unknown;
  /** Nothing follows. */
  readonly last?: boolean;
}

/** Allows the other side to send more: both sides send it. */
export interface ChunkCredit {
  readonly type: "chunk";
  readonly stream: MessageId;
  /** In bytes, see {@link chunkCost}. */
  readonly credit: number;
}

/** What travels of a stream. */
export type ChunkMessage = ChunkPart | ChunkCredit;

/** What every part costs besides its data, so that many small ones are no way around the bound. */
export const chunkOverheadBytes = 64;
/** How far a sender may be ahead of its reader, unless that says otherwise. */
export const chunkWindowBytes = 262_144;

/** What a part with this data costs of the credit: the bytes of its JSON text, and 64. */
export function chunkCost(json: string): number {
  return chunkOverheadBytes + new TextEncoder().encode(json).length;
}
