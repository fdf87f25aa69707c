/**
 * Characters that a terminal does not show as themselves: control characters (C0 and C1), line and paragraph
 * separators, halves of surrogate pairs, and invisible ones such as those that reverse the direction of a line.
 *
 * The joiners U+200C and U+200D are left out, because scripts and emoji need them, and so are the signs of Arabic
 * and Syriac that enclose digits.
 */
const hidden =
  /(?!\u200c|\u200d|[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;

/** Replaces characters that could move the cursor, change colours or deceive the reader in a text from outside. */
export function printable(text: string): string {
  return text.replaceAll(hidden, "\ufffd");
}

/** Like {@link printable}, for a text of several lines. */
export function printableLines(text: string): string {
  return text.replaceAll(hidden, (unit) => (unit === "\n" ? unit : "\ufffd"));
}

/**
 * Returns JSON text with the same value in which such characters are written as escapes. They occur in strings
 * only, apart from whitespace between tokens, which is kept.
 */
export function printableJson(json: string): string {
  return json.replaceAll(hidden, (character) => {
    if (character === "\n") return character;
    let escaped = "";
    for (let i = 0; i < character.length; i++) {
      escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}
