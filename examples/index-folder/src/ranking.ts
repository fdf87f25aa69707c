import type { Document, Posting } from "./inverted-index.ts";

/** Matching document with its score. */
export interface Ranked {
  readonly document: number;
  readonly score: number;
  /** Line in which most of the terms stand, counted from 1; the first of several such lines. */
  readonly line: number;
}

const saturation = 1.2;
const lengthShare = 0.75;

/**
 * Returns the documents that contain any of the terms, the best first (BM25). Documents with more of the terms
 * come before those with fewer, and ties are ordered by path.
 */
export function rank(
  documents: readonly Document[],
  postingsByTerm: readonly (readonly Posting[])[],
): Ranked[] {
  const mean =
    documents.reduce((sum, { length }) => sum + length, 0) / Math.max(1, documents.length);
  const found = new Map<number, { score: number; terms: number; lines: Map<number, number> }>();
  for (const postings of postingsByTerm) {
    const rarity = Math.log(
      1 + (documents.length - postings.length + 0.5) / (postings.length + 0.5),
    );
    for (const { document, count, lines } of postings) {
      const { length } = documents[document] ?? { length: mean };
      const norm = saturation * (1 - lengthShare + (lengthShare * length) / Math.max(1, mean));
      const entry = found.get(document) ?? { score: 0, terms: 0, lines: new Map() };
      entry.score += (rarity * count * (saturation + 1)) / (count + norm);
      entry.terms++;
      for (const line of lines) entry.lines.set(line, (entry.lines.get(line) ?? 0) + 1);
      found.set(document, entry);
    }
  }
  const path = (document: number) => documents[document]?.path ?? "";
  return [...found]
    .sort(
      ([one, a], [other, b]) =>
        b.terms - a.terms || b.score - a.score || (path(one) < path(other) ? -1 : 1),
    )
    .map(([document, { score, lines }]) => ({ document, score, line: bestLine(lines) }));
}

function bestLine(lines: ReadonlyMap<number, number>): number {
  let best = 1;
  let most = 0;
  for (const [line, terms] of lines) {
    if (terms > most || (terms === most && line < best)) {
      best = line;
      most = terms;
    }
  }
  return best;
}
