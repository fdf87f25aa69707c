import { printable } from "@milepost/server";

/** Returns the lines of a table. Each column is as wide as its widest cell. */
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
