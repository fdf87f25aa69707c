import type { ReactNode } from "react";

type Highlight = readonly [start: number, end: number];

/** Part of a snippet, marked or not. */
export interface SnippetPart {
  readonly at: number;
  readonly text: string;
  readonly marked: boolean;
}

/**
 * Cuts a snippet at its highlights. Highlights that overlap or reach too far are shortened, and empty ones are
 * dropped.
 */
export function snippetParts(
  snippet: string,
  highlights: readonly Highlight[],
): readonly SnippetPart[] {
  const parts: SnippetPart[] = [];
  let at = 0;
  const add = (end: number, marked: boolean) => {
    if (end <= at) return;
    parts.push({ at, text: snippet.slice(at, end), marked });
    at = end;
  };
  for (const [start, end] of [...highlights].sort(([one], [other]) => one - other)) {
    add(Math.min(start, snippet.length), false);
    add(Math.min(end, snippet.length), true);
  }
  add(snippet.length, false);
  return parts;
}

interface Props {
  readonly snippet: string;
  readonly highlights: readonly Highlight[];
}

/** Line of text in which the words of the query are marked. */
export function Snippet({ snippet, highlights }: Props): ReactNode {
  return snippetParts(snippet, highlights).map(({ at, text, marked }) =>
    marked ? <mark key={at}>{text}</mark> : <span key={at}>{text}</span>,
  );
}
