/**
 * Returns at most the first `maxLength` characters of a text. Never splits a surrogate pair, since half a pair
 * does not survive every encoding.
 */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const last = text.charCodeAt(maxLength - 1);
  const isHighSurrogate = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, Math.max(0, isHighSurrogate ? maxLength - 1 : maxLength));
}

/** Returns at most the last `maxLength` characters of a text. Never splits a surrogate pair. */
export function endOf(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const from = text.length - maxLength;
  const first = text.charCodeAt(from);
  const isLowSurrogate = first >= 0xdc00 && first <= 0xdfff;
  return text.slice(isLowSurrogate ? from + 1 : from);
}

/** Yields a text in pieces of at most `maxLength` characters, two or more. Never splits a surrogate pair. */
export function* textPieces(text: string, maxLength: number): Generator<string, void> {
  for (let from = 0; from < text.length; ) {
    const piece = text.slice(from, from + maxLength + 1);
    const cut = cutText(piece, maxLength);
    yield cut;
    from += cut.length;
  }
}
