import { type ChannelNumber, formatPosition, type Publication } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";

/**
 * Maximum size of all encoded pages that a node keeps, in bytes. Pages that were not used recently are dropped
 * first.
 */
const maxPageBytes = 8 * 1_024 * 1_024;
/** Fixed number of bytes that is counted for each page in addition to its encoded bytes. */
const pageCost = 500;

/**
 * Encoded bytes of one page of a channel, by encoder. Subscribers with the same encoder share them if they read
 * only this channel, or if their dialect has no cursors.
 */
type Page = Map<Encoder, Uint8Array>;

/**
 * Cache of encoded replay pages. Each page is encoded once for all subscribers that resume at the same
 * position, now or shortly after.
 *
 * A page is identified by its first offset and its last position. This suffices, since the tag of an entry
 * stands for all entries before it. The cache is bounded in bytes. It drops a page that was not used since the
 * last but one call of {@link age}.
 */
export class EncodedPages {
  #young = new Map<string, Page>();
  #old = new Map<string, Page>();
  #youngBytes = 0;

  /** Returns consecutive entries of one channel, encoded and framed; with the number of their log, in the short form. */
  encode(entries: readonly Publication[], encoder: Encoder, number?: ChannelNumber): Uint8Array {
    const page = this.#page(nameOf(entries, number));
    let bytes = page.get(encoder);
    if (bytes === undefined) {
      bytes = encoder.encodeBatch(entries, soleCursor, number);
      page.set(encoder, bytes);
      this.#youngBytes += bytes.length;
      if (this.#youngBytes > maxPageBytes / 2) this.age();
    }
    return bytes;
  }

  /** Ages the cache: forgets the pages that were not used since the previous call. */
  age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  clear(): void {
    this.age();
    this.age();
  }

  #page(name: string): Page {
    const known = this.#young.get(name);
    if (known !== undefined) return known;
    const page: Page = this.#old.get(name) ?? new Map();
    this.#old.delete(name);
    this.#young.set(name, page);
    this.#youngBytes += pageCost;
    for (const { length } of page.values()) this.#youngBytes += length;
    return page;
  }
}

/** Returns a name that pages share only if every encoder makes the same bytes of them. */
function nameOf(entries: readonly Publication[], number: ChannelNumber | undefined): string {
  const last = entries.at(-1);
  if (last === undefined) return "";
  const name = `${last.channel}@${entries[0]?.position.offset}-${formatPosition(last.position)}`;
  return number === undefined ? name : `${name}#${number.number}.${number.ts}`;
}

/** Returns the cursor of a subscriber that reads only this channel. */
export function soleCursor({ channel, position }: Publication): string {
  return `${channel}@${formatPosition(position)}`;
}
