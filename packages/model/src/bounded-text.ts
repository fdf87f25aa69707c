/** A text that grows at its end and is cut at its beginning. */
export interface BoundedText {
  readonly text: string;
  /** True if the beginning was cut. */
  readonly cut: boolean;
}

/**
 * Appends a piece to a text and keeps at most its last `maxLength` characters.
 *
 * A text that grows too long is cut to seven eighths of `maxLength`. A long stream of small pieces therefore
 * does not copy the whole text for each piece.
 */
export function appendBounded(text: string, piece: string, maxLength: number): BoundedText {
  const whole = text + piece;
  if (whole.length <= maxLength) return { text: whole, cut: false };
  return { text: endOf(whole, maxLength - (maxLength >> 3)), cut: true };
}

/** Returns at most the last `maxLength` characters. Never splits a surrogate pair. */
export function endOf(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const from = text.length - maxLength;
  const unit = text.charCodeAt(from);
  const isLowSurrogate = unit >= 0xdc00 && unit <= 0xdfff;
  return text.slice(isLowSurrogate ? from + 1 : from);
}
