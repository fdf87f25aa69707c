import type { MessageId } from "./message-id.ts";

/**
 * One part of a stream that belongs to the request with the id `stream`. Both the client and the gateway send
 * it.
 */
export interface ChunkPart {
  readonly type: "chunk";
  readonly stream: MessageId;
  /** Index of this part; counts from 0 without gaps. */
  readonly index: number;
  /** Any JSON value. Absent if the message only marks the end of the stream. */
  readonly data?: unknown;
  /** True on the last part of the stream. */
  readonly last?: boolean;
}

/**
 * Grants the receiver of this message credit to send more parts of a stream. Both the client and the gateway
 * send it.
 */
export interface ChunkCredit {
  readonly type: "chunk";
  readonly stream: MessageId;
  /** Credit in bytes, counted as {@link chunkCost} does. */
  readonly credit: number;
}

/** A message of a stream: a part, or credit for more parts. */
export type ChunkMessage = ChunkPart | ChunkCredit;

/**
 * Credit that every part costs in addition to its data, in bytes. This fixed cost also bounds the number of
 * small parts.
 */
export const chunkOverheadBytes = 64;
/** Default credit window of a stream, in bytes: how far a sender may be ahead of the consumer. */
export const chunkWindowBytes = 262_144;

/**
 * Returns the credit that a part with this data costs, in bytes: the UTF-8 length of its JSON text plus {@link
 * chunkOverheadBytes}.
 */
export function chunkCost(json: string): number {
  return chunkOverheadBytes + new TextEncoder().encode(json).length;
}
