/** A row of a regression: an outcome and the values that may explain it. */
export interface Row {
  readonly y: number;
  readonly x: readonly number[];
}

/** Shrinks slopes that few rows or little variance support. */
const ridge = 1;

/**
 * Returns the slopes of a weighted least-squares fit of `y` by the values of `x`, shrunk towards 0. Rows are newest first;
 * each weighs half as much as the one `halfLife` rows before it. All rows have the same number of values, a few at most.
 */
export function regress(rows: readonly Row[], halfLife: number): readonly number[] {
  const count = rows[0]?.x.length ?? 0;
  if (count === 0) return [];
  // The last column is the outcome.
  const means = new Float64Array(count + 1);
  let total = 0;
  for (const [i, { y, x }] of rows.entries()) {
    const weight = 2 ** (-i / halfLife);
    total += weight;
    for (let j = 0; j <= count; j++)
      means[j] = (means[j] ?? 0) + weight * ((j < count ? x[j] : y) ?? 0);
  }
  for (let j = 0; j <= count; j++) means[j] = (means[j] ?? 0) / total;
  const shrink = (ridge * total) / rows.length;
  const matrix = Array.from({ length: count }, (_, j) => {
    const row = new Float64Array(count + 1);
    row[j] = shrink;
    return row;
  });
  const centred = new Float64Array(count + 1);
  for (const [i, { y, x }] of rows.entries()) {
    const weight = 2 ** (-i / halfLife);
    for (let j = 0; j <= count; j++) centred[j] = ((j < count ? x[j] : y) ?? 0) - (means[j] ?? 0);
    for (const [j, row] of matrix.entries()) {
      const weighted = weight * (centred[j] ?? 0);
      for (let k = 0; k <= count; k++) row[k] = (row[k] ?? 0) + weighted * (centred[k] ?? 0);
    }
  }
  return solve(matrix);
}

/** Solves linear equations of a positive definite matrix, the right side being the last column. Overwrites its rows. */
function solve(matrix: readonly Float64Array[]): readonly number[] {
  for (const [j, row] of matrix.entries()) {
    const pivot = row[j] ?? 1;
    for (let k = 0; k < row.length; k++) row[k] = (row[k] ?? 0) / pivot;
    for (const [i, other] of matrix.entries()) {
      const factor = other[j] ?? 0;
      if (i === j || factor === 0) continue;
      for (let k = 0; k < row.length; k++) other[k] = (other[k] ?? 0) - factor * (row[k] ?? 0);
    }
  }
  return matrix.map((row) => row.at(-1) ?? 0);
}
