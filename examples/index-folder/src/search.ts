import { join } from "node:path";
import { MilepostError } from "@milepost/protocol";
import type { StoredIndex } from "./index-store.ts";
import { rank } from "./ranking.ts";
import { readText } from "./read-text.ts";
import { snippetOf } from "./snippet.ts";
import { tokenise } from "./tokenise.ts";

/** Line of a file in which words of the query stand. */
export interface Hit {
  readonly path: string;
  /** Number of the line, counted from 1. */
  readonly line: number;
  readonly snippet: string;
  readonly highlights: readonly (readonly [start: number, end: number])[];
}

/** Best hits, one per file, and the number of files with hits. */
export interface SearchAnswer {
  readonly hits: readonly Hit[];
  readonly total: number;
}

const maxHits = 20;
const maxQueryLength = 200;
const maxTerms = 10;

/**
 * Searches an index. Snippets are read from the files as they are now; a file that can no longer be read has an
 * empty snippet.
 */
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

/** Returns the words of a query as they were written. A query for `readFile` does not mean every `file`. */
function wholeWords(query: string): string[] {
  let end = 0;
  return [...tokenise(query)].flatMap((token) => {
    if (token.start < end) return [];
    end = token.end;
    return [token.term];
  });
}
