import { join } from "node:path";
import { MilepostError } from "@milepost/protocol";
import type { StoredIndex } from "./index-store.ts";
import { rank } from "./ranking.ts";
import { readText } from "./read-text.ts";
import { snippetOf } from "./snippet.ts";
import { tokenise } from "./tokenise.ts";

/** A place where the words searched for stand. */
export interface Hit {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly snippet: string;
  readonly highlights: readonly (readonly [start: number, end: number])[];
}

/** The best hits, one per file, and in how many files there are any. */
export interface SearchAnswer {
  readonly hits: readonly Hit[];
  readonly total: number;
}

const maxHits = 20;
const maxQueryLength = 200;
const maxTerms = 10;

/** Asks an index. Snippets come from the files as they are now; one that is gone has an empty snippet. */
export async function search(index: StoredIndex, query: string): Promise<SearchAnswer> {
  if (query.length > maxQueryLength) {
    throw new MilepostError("bad_message", `q may have ${maxQueryLength} characters at most`);
  }
  const terms = new Set(wholeWords(query).slice(0, maxTerms));
  const postings = await Promise.all([...terms].map((term) => index.postings(term)));
  const ranked = rank(index.documents, postings);
  const hits = await Promise.all(
    ranked.slice(0, maxHits).map(async ({ document, line }): Promise<Hit> => {
      const path = index.documents[document]?.path ?? "";
      const read = await readText(join(index.folder, path));
      const text = read.ok ? (read.text.split("\n")[line - 1] ?? "") : "";
      return { path, line, ...snippetOf(text, terms) };
    }),
  );
  return { hits, total: ranked.length };
}

/** The words of a query as they were written: who asks for `readFile` does not mean every `file`. */
function wholeWords(query: string): string[] {
  let end = 0;
  return [...tokenise(query)].flatMap((token) => {
    if (token.start < end) return [];
    end = token.end;
    return [token.term];
  });
}
