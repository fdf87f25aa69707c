import { cutText } from "@milepost/protocol";
import { tokenise } from "./tokenise.ts";

/** Line of text, cut to a length that can be read at a glance. */
export interface Snippet {
  readonly snippet: string;
  /**
   * Ranges in which the terms stand: pairs of start and end, in UTF-16 units, ascending and without overlap.
   */
  readonly highlights: readonly (readonly [start: number, end: number])[];
}

const longest = 200;
const before = 60;

/** Cuts a line around the first of the terms in it and marks the terms. */
export function snippetOf(line: string, terms: ReadonlySet<string>): Snippet {
  const hits = [...tokenise(line)].filter(({ term }) => terms.has(term));
  const from = start(line, hits[0]?.start ?? 0);
  const head = from > 0 ? "…" : "";
  const tail = line.length - from > longest ? "…" : "";
  const body = cutText(line.slice(from), longest);
  const trimmed = from > 0 ? body : body.trimStart();
  const shift = from + (body.length - trimmed.length) - head.length;
  const snippet = head + trimmed.trimEnd() + tail;
  const highlights: [number, number][] = [];
  for (const hit of hits) {
    const pair: [number, number] = [hit.start - shift, hit.end - shift];
    const last = highlights.at(-1);
    if (pair[1] > snippet.length - tail.length) break;
    if (last && pair[0] < last[1]) last[1] = Math.max(last[1], pair[1]);
    else highlights.push(pair);
  }
  return { snippet, highlights };
}

/**
 * Returns the offset at which the snippet begins, so that the first hit is visible and no character is cut in
 * half.
 */
function start(line: string, hit: number): number {
  if (line.length <= longest || hit < longest - before) return 0;
  const from = hit - before;
  const unit = line.charCodeAt(from);
  return unit >= 0xdc00 && unit <= 0xdfff ? from + 1 : from;
}
