import type { LogPolicy } from "./ports/channel-log.ts";

/** Maximum number of bytes of data that a log keeps where its policy sets none: 8 MiB. */
export const defaultMaxBytes = 8 * 1_048_576;

/** Number of bytes of data after its first entry at which a page of a log ends: 256 KiB. */
export const pageBytes = 256 * 1_024;

/** Returns the number of bytes of data that a log keeps at most. */
export function maxBytesOf({ maxBytes = defaultMaxBytes }: LogPolicy): number {
  return maxBytes;
}

/** Least number of other ids that must be used in a log before it forgets the owner of an id. */
const leastIds = 500;

/**
 * Returns the maximum number of ids whose owner a log remembers. An id whose entry is kept, or that a projection may have in
 * its state, is never forgotten: it is one of the last half of them.
 */
export function maxIdsOf({ maxEntries }: Pick<LogPolicy, "maxEntries">): number {
  return 2 * Math.max(leastIds, maxEntries);
}

const encoder = new TextEncoder();
const { Buffer: native } = globalThis as {
  readonly Buffer?: { byteLength(text: string): number };
};

/** Returns the length of a text in bytes of UTF-8. */
export const utf8Length: (text: string) => number =
  native === undefined
    ? (text) => encoder.encode(text).length
    : // Where there is a Buffer, it needs no copy: 40 ns for 200 characters.
      (text) => native.byteLength(text);
