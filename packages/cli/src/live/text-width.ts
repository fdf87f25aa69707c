/** Ranges of characters that take two columns: East Asian wide ones and emoji. */
const wide: readonly (readonly [number, number])[] = [
  [0x11_00, 0x11_5f],
  [0x2e_80, 0xa4_cf],
  [0xac_00, 0xd7_a3],
  [0xf9_00, 0xfa_ff],
  [0xfe_30, 0xfe_6f],
  [0xff_00, 0xff_60],
  [0xff_e0, 0xff_e6],
  [0x1_f3_00, 0x1_fa_ff],
  [0x2_00_00, 0x3_ff_fd],
];
const combining = /\p{Mark}/u;

/** Returns the number of columns that a character takes in a terminal. */
function columnsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x3_00) return 1;
  if (combining.test(character)) return 0;
  return wide.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

/** Returns a text that takes at most so many columns: a longer one ends with `…`. */
export function fitted(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  /** End of the longest start of the text that leaves a column for the mark. */
  let cut = 0;
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns) return `${text.slice(0, cut)}…`;
    end += character.length;
    if (width <= columns - 1) cut = end;
  }
  return text;
}
