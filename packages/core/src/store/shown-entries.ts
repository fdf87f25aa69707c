import { isLocal } from "@milepost/engine";
import type { Position } from "@milepost/protocol";

/** Lengths of the parts of a tag, in characters: the run of the node, the number of the entry, the attempt. */
const runLength = 8;
const numberLength = 6;
const attemptLength = 4;
const tagLength = runLength + numberLength + attemptLength;

/** Makes random text of a length. */
type MakeId = (length: number) => string;

/**
 * Entries that a reader was shown by a node during an outage, before they were in the log: those that one run of a
 * node numbered up to `upTo`.
 */
export interface Shown {
  readonly run: string;
  readonly upTo: number;
}

/**
 * Tags of the entries that a node shows during an outage and appends to the log afterwards. Each names the run of the
 * node and the number of the entry, so that any node recognises in the log what a reader was shown before. They are
 * longer than other tags.
 */
export class ShownTags {
  readonly #id: MakeId;
  readonly #run: string;
  #count = 0;

  constructor(id: MakeId) {
    this.#id = id;
    this.#run = id(runLength);
  }

  /** Returns the tag of the next entry. */
  next(): string {
    const number = (++this.#count).toString(36).padStart(numberLength, "0");
    return `${this.#run}${number}${this.#id(attemptLength)}`;
  }
}

/** Returns a tag for another attempt to append the entry that has this tag. */
export function tagOfAttempt(tag: string, id: MakeId): string {
  return `${tag.slice(0, runLength + numberLength)}${id(attemptLength)}`;
}

/** Returns true if the tag is one that {@link ShownTags} made. */
export function isShownTag({ length }: string): boolean {
  return length === tagLength;
}

/** Returns what a reader at a position was shown: everything up to that position, if it is one of a local log. */
export function shownAt(position: Position): Shown | undefined {
  const { tag } = position;
  if (!isLocal(position) || !isShownTag(tag)) return undefined;
  return { run: tag.slice(0, runLength), upTo: numberIn(tag) };
}

/** Returns true if the entry at a position of the log is one that a reader was shown. */
export function wasShown({ tag }: Position, shown: Shown | undefined): boolean {
  if (shown === undefined || !isShownTag(tag)) return false;
  return tag.startsWith(shown.run) && numberIn(tag) <= shown.upTo;
}

function numberIn(tag: string): number {
  return Number.parseInt(tag.slice(runLength, runLength + numberLength), 36);
}
