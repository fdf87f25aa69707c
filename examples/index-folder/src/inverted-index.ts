import { tokenise } from "./tokenise.ts";

/** Indexed text file. */
export interface Document {
  readonly path: string;
  /** Number of words in the document. */
  readonly length: number;
}

/** Occurrences of a term in one document. */
export interface Posting {
  readonly document: number;
  /** Number of occurrences. */
  readonly count: number;
  /** First lines in which the term stands, counted from 1; at most {@link linesKept}. */
  readonly lines: readonly number[];
}

/** Words of one document. */
export interface TokenisedText {
  readonly length: number;
  readonly terms: ReadonlyMap<string, { count: number; readonly lines: number[] }>;
}

/** Most lines kept per term and document; enough to show the best one. */
export const linesKept = 40;

/** Finds the words of a text and the lines in which they stand. */
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

/**
 * Inverted index: for each term, the documents and lines in which it stands. Documents are added as a whole.
 */
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

  /** Returns each term with its postings, in the order in which the documents were added. */
  entries(): Iterable<[string, readonly Posting[]]> {
    return this.#postings.entries();
  }
}
