/** Word of a text, in the form in which it is looked up. */
export interface Token {
  /** Word in lower case. */
  readonly term: string;
  /** Start of the word in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

const word = /[\p{L}\p{N}_$]+/gu;
const part = /\p{Lu}?[\p{Ll}\p{M}]+|\p{Lu}+(?!\p{Ll})|\p{N}+|\p{Lo}+/gu;
const shortest = 2;
const longest = 64;

/**
 * Yields the words of a text: runs of letters, digits, `_` and `$`, 2 to 64 characters long.
 *
 * A name made of several words also yields its parts right after itself: `readFile` yields `readfile`, `read`
 * and `file`, each with its own place.
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
