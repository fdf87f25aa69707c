/** A word of a text, as it is looked up. */
export interface Token {
  /** In lower case. */
  readonly term: string;
  /** Where it stands, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

const word = /[\p{L}\p{N}_$]+/gu;
const part = /\p{Lu}?[\p{Ll}\p{M}]+|\p{Lu}+(?!\p{Ll})|\p{N}+|\p{Lo}+/gu;
const shortest = 2;
const longest = 64;

/**
 * The words of a text: runs of letters, digits, `_` and `$`, 2 to 64 characters long.
 *
 * A name made of several words gives these too, right after itself: `readFile` is `readfile`, `read` and
 * `file`, all at their own places.
 */
export function* tokenise(text: string): Generator<Token> {
  for (const match of text.matchAll(word)) {
    const [whole] = match;
    if (whole.length > longest) continue;
    yield* token(whole, match.index);
    const parts = [...whole.matchAll(part)];
    if (parts.length < 2) continue;
    for (const each of parts) yield* token(each[0], match.index + each.index);
  }
}

function* token(text: string, start: number): Generator<Token> {
  if (text.length >= shortest) {
    yield { term: text.toLowerCase(), start, end: start + text.length };
  }
}
