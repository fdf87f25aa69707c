import type { Position, Publication } from "@milepost/protocol";

const maxEntries = 1_000;
const maxLength = 1_024 * 1_024;

/** The newest entries of a channel, contiguous, kept while readers join so that they meet the live stream. */
export class Recent {
  #entries: Publication[] = [];
  #length = 0;

  add(publication: Publication): void {
    this.#entries.push(publication);
    this.#length += publication.json.length;
    // Halving keeps the cost of an entry constant; whoever needs what is dropped reads the log.
    while (
      this.#entries.length > maxEntries ||
      (this.#length > maxLength && this.#entries.length > 1)
    ) {
      this.#entries = this.#entries.slice(Math.ceil(this.#entries.length / 2));
      this.#length = this.#entries.reduce((sum, { json }) => sum + json.length, 0);
    }
  }

  /** Everything after the position; undefined when that is not all here. */
  after({ epoch, offset, tag }: Position): readonly Publication[] | undefined {
    const first = this.#entries[0]?.position;
    if (first === undefined || first.epoch !== epoch || first.offset > offset + 1) return undefined;
    const after = this.#entries.slice(offset + 1 - first.offset);
    return (after[0]?.previousTag ?? tag) === tag ? after : undefined;
  }

  clear(): void {
    this.#entries = [];
    this.#length = 0;
  }
}
