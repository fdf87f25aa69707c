import { formatPosition, type Publication } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";

/** Bytes that a node keeps of pages it has encoded. */
const maxPageBytes = 8 * 1_024 * 1_024;
/** What is counted for a page besides its bytes. */
const pageCost = 500;

/** A page of a channel: the same bytes for all readers with the same encoder that read this channel alone, or whose dialect has no cursors. */
type Page = Map<Encoder, Uint8Array>;

/**
 * The pages of channels that readers who come back are given, encoded once for all who begin at the same place, now
 * or shortly after.
 *
 * A page is known by its first offset and its last position: the tag of an entry stands for all before it. Bounded in
 * bytes; what nobody asked for since the last but one call of {@link age} is forgotten.
 */
export class EncodedPages {
  #young = new Map<string, Page>();
  #old = new Map<string, Page>();
  #youngBytes = 0;

  /** Consecutive entries of a channel, framed. */
  encode(entries: readonly Publication[], encoder: Encoder): Uint8Array {
    const page = this.#page(entries);
    let bytes = page.get(encoder);
    if (bytes === undefined) {
      bytes = encoder.encodeBatch(entries, soleCursor);
      page.set(encoder, bytes);
      this.#youngBytes += bytes.length;
      if (this.#youngBytes > maxPageBytes / 2) this.age();
    }
    return bytes;
  }

  /** Makes what is kept older. */
  age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  clear(): void {
    this.age();
    this.age();
  }

  #page(entries: readonly Publication[]): Page {
    const name = nameOf(entries);
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

function nameOf(entries: readonly Publication[]): string {
  const last = entries.at(-1);
  if (last === undefined) return "";
  return `${last.channel}@${entries[0]?.position.offset}-${formatPosition(last.position)}`;
}

/** The cursor of a reader that reads this channel alone. */
export function soleCursor({ channel, position }: Publication): string {
  return `${channel}@${formatPosition(position)}`;
}
