import { endOf } from "@milepost/protocol";

/** A text that grows at its end. When it exceeds its bound, its beginning is removed. */
export interface BoundedText {
  readonly text: string;
  /** True if the beginning was cut. */
  readonly cut: boolean;
}

/**
 * Appends a piece to a text and keeps at most the last `maxLength` characters.
 *
 * A text that exceeds `maxLength` is shortened to seven eighths of it. A long stream of small pieces therefore
 * does not copy the whole text for each piece.
 */
export function appendBounded(text: string, piece: string, maxLength: number): BoundedText {
  const whole = text + piece;
  if (whole.length <= maxLength) return { text: whole, cut: false };
  return { text: endOf(whole, maxLength - (maxLength >> 3)), cut: true };
}
