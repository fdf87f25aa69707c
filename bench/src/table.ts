/** Lays cells out in columns, the first aligned left and the others right; the first row is the heading. */
export function layOut(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  const [heading, ...body] = rows;
  if (heading === undefined) return "";
  const rule = widths.map((width) => "-".repeat(width));
  return [heading, rule, ...body].map(line).join("\n");
}
