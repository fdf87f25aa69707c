/** Text that grows at its end and is cut at its beginning. */
export interface BoundedText {
  readonly text: string;
  /** Whether anything was cut. */
  readonly cut: boolean;
}

/**
 * Appends, and keeps at most `maxLength` characters: the latest ones.
 *
 * When it must cut it cuts an eighth more than it must, so that a long stream of small pieces does not copy
 * the whole text for each.
 */
export function appendBounded(text: string, piece: string, maxLength: number): BoundedText {
  const whole = text + piece;
  if (whole.length <= maxLength) return { text: whole, cut: false };
  return { text: endOf(whole, maxLength - (maxLength >> 3)), cut: true };
}

/** The last `maxLength` characters at most; it never cuts a surrogate pair in two. */
export function endOf(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const from = text.length - maxLength;
  const unit = text.charCodeAt(from);
  const isLowSurrogate = unit >= 0xdc00 && unit <= 0xdfff;
  return text.slice(isLowSurrogate ? from + 1 : from);
}
