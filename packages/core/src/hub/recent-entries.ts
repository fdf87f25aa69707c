import type { Position, Publication } from "@milepost/protocol";
import type { RecentBudget } from "./recent-budget.ts";

const maxEntries = 1_000;
const maxLength = 256 * 1_024;

/** Approximate size of an entry besides its data, in characters. */
const envelopeLength = 200;

/** The newest entries of a channel that this node has, without a hole, for subscribers that join or resume. */
export class RecentEntries {
  readonly #budget: RecentBudget;
  #entries: Publication[] = [];
  #length = 0;

  constructor(budget: RecentBudget) {
    this.#budget = budget;
  }

  /** Approximate number of characters that the entries take. */
  get length(): number {
    return this.#length;
  }

  /** All entries kept, oldest first. */
  get all(): readonly Publication[] {
    return this.#entries;
  }

  /**
   * Adds the entry that follows the last one. Drops the older half when there are more than 1,000 entries or
   * 256 Ki characters.
   */
  add(publication: Publication): void {
    if (this.#entries.length === 0) this.#entries = [publication];
    else this.#entries.push(publication);
    this.#grow(lengthOf(publication));
    while (this.#entries.length > 1 && this.#isFull) this.halve();
  }

  /**
   * Adds entries that lead up to the first one kept, or overlap it, as long as there is room. Other entries
   * change nothing.
   */
  addBefore(entries: readonly Publication[]): void {
    const [first] = this.#entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    const before = entries.slice(
      0,
      Math.max(0, first.position.offset - (entries[0]?.position.offset ?? 0)),
    );
    const joint = before.at(-1)?.position;
    if (joint?.epoch !== first.position.epoch || joint.offset + 1 !== first.position.offset) return;
    if (joint.tag !== first.previousTag) return;
    let length = 0;
    for (const entry of before) length += lengthOf(entry);
    if (before.length + this.#entries.length > maxEntries) return;
    if (this.#length + length > maxLength) return;
    this.#entries = [...before, ...this.#entries];
    this.#grow(length);
  }

  /** Returns the entry at an offset; undefined when it is not kept here. */
  at(offset: number): Publication | undefined {
    return this.#entries[offset - (this.#entries[0]?.position.offset ?? 0)];
  }

  /**
   * Returns every entry after a position. Returns undefined if some of them are not kept here, or if another
   * entry is at the position.
   */
  after({ epoch, offset, tag }: Position): readonly Publication[] | undefined {
    const [first] = this.#entries;
    if (first === undefined || first.position.epoch !== epoch) return undefined;
    const index = offset + 1 - first.position.offset;
    const here = index === 0 ? first.previousTag : this.#entries[index - 1]?.position.tag;
    return here === tag ? this.#entries.slice(index) : undefined;
  }

  /** Forgets the entries up to and including an offset, which the log no longer keeps. */
  forget(offset: number): void {
    const [first] = this.#entries;
    if (first !== undefined && offset >= first.position.offset) {
      this.#keep(this.#entries.slice(offset + 1 - first.position.offset));
    }
  }

  /**
   * Forgets the older half, so that the cost per added entry stays constant. A subscriber that needs older
   * entries reads the log.
   */
  halve(): void {
    this.#keep(this.#entries.slice(Math.ceil(this.#entries.length / 2)));
  }

  clear(): void {
    this.#keep([]);
  }

  get #isFull(): boolean {
    return this.#entries.length > maxEntries || this.#length > maxLength;
  }

  #keep(entries: Publication[]): void {
    this.#entries = entries;
    let length = 0;
    for (const entry of entries) length += lengthOf(entry);
    this.#grow(length - this.#length);
  }

  #grow(length: number): void {
    this.#length += length;
    this.#budget.changed(this, length);
  }
}

function lengthOf({ json }: Publication): number {
  return json.length + envelopeLength;
}
