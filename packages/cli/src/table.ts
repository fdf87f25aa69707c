/** The lines of a table, its columns as wide as they need to be. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | undefined)[])[],
): string[] {
  const all = [head, ...rows].map((row) => row.map((cell = "") => printable(cell)));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Without what would move the cursor or change colours: such texts come from elsewhere. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
}
