import { isOwned } from "../owned-id.ts";
import type { IdClaim } from "../ports/channel-log.ts";

/** Approximate number of bytes that an owned id takes in memory besides its texts. */
const idWeight = 192;

interface Owned {
  readonly owner: string;
  /** Number that the id got when it was last put to the end. */
  readonly at: number;
}

/**
 * Owners of the ids in one log: each belongs to the publisher that used it first.
 *
 * Of more ids than the maximum, the ones that were not used for the longest time are forgotten. An id moves to the end only
 * when it is no longer among the newer half, so most uses of an id write nothing.
 */
export class IdOwners {
  readonly #owned = new Map<string, Owned>();
  #last = 0;
  #textLength = 0;

  /** Approximate number of bytes that the ids take in memory. */
  get weight(): number {
    return this.#owned.size * idWeight + this.#textLength;
  }

  /** Throws `forbidden` where the publisher may not use the id. */
  require(id: string, { anyOwner, id: given }: IdClaim, publisher: string): void {
    if (anyOwner === true) return;
    const owner = this.#owned.get(id)?.owner;
    if (owner === publisher) return;
    if (owner !== undefined || given?.startsWith("@")) throw isOwned(id);
  }

  /** Makes the id the publisher's unless it has an owner, and remembers that it was used. */
  claim(id: string, publisher: string, most: number): void {
    const known = this.#owned.get(id);
    if (known !== undefined) {
      if (known.at > this.#last - most / 2) return;
      this.#owned.delete(id);
    } else this.#textLength += id.length + publisher.length;
    this.#last++;
    this.#owned.set(id, { owner: known?.owner ?? publisher, at: this.#last });
    for (const [oldest, { owner, at }] of this.#owned) {
      if (at > this.#last - most) break;
      this.#owned.delete(oldest);
      this.#textLength -= oldest.length + owner.length;
    }
  }
}
