import { tokenise } from "./tokenise.ts";

/** A text that is indexed. */
export interface Document {
  readonly path: string;
  /** Words in it. */
  readonly length: number;
}

/** Where a term stands in one document. */
export interface Posting {
  readonly document: number;
  /** How often. */
  readonly count: number;
  /** The first lines it stands in, from 1. */
  readonly lines: readonly number[];
}

/** The words of one document. */
export interface TokenisedText {
  readonly length: number;
  readonly terms: ReadonlyMap<string, { count: number; readonly lines: number[] }>;
}

/** Lines that are remembered per term and document; enough to show the best one. */
export const linesKept = 40;

/** Finds the words of a text and the lines they stand in. */
export function tokeniseText(text: string): TokenisedText {
  const terms = new Map<string, { count: number; readonly lines: number[] }>();
  let length = 0;
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    for (const { term } of tokenise(line)) {
      length++;
      const known = terms.get(term);
      if (!known) terms.set(term, { count: 1, lines: [number] });
      else {
        known.count++;
        if (known.lines.length < linesKept && known.lines.at(-1) !== number)
          known.lines.push(number);
      }
    }
  }
  return { length, terms };
}

/** For each term, where it stands. Grows by whole documents. */
export class InvertedIndex {
  readonly documents: Document[] = [];
  readonly #postings = new Map<string, Posting[]>();
  #postingCount = 0;
  #tokenCount = 0;

  add(path: string, text: TokenisedText): void {
    const document = this.documents.push({ path, length: text.length }) - 1;
    this.#tokenCount += text.length;
    for (const [term, { count, lines }] of text.terms) {
      this.#postingCount++;
      const posting = { document, count, lines };
      const known = this.#postings.get(term);
      if (known) known.push(posting);
      else this.#postings.set(term, [posting]);
    }
  }

  get tokenCount(): number {
    return this.#tokenCount;
  }

  get postingCount(): number {
    return this.#postingCount;
  }

  get termCount(): number {
    return this.#postings.size;
  }

  /** Each term with its postings, in the order of documents. */
  entries(): Iterable<[string, readonly Posting[]]> {
    return this.#postings.entries();
  }
}
