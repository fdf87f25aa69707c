/** A row of a regression: an outcome and at most two values that may explain it. */
export interface Row {
  readonly y: number;
  readonly x: readonly number[];
}

/** Shrinks slopes that few rows or little variance support. */
const ridge = 1;

/**
 * Returns the slopes of a weighted least-squares fit of `y` by the first two values of `x`, shrunk towards 0. Rows are
 * newest first; each weighs half as much as the one `halfLife` rows before it.
 */
export function regress(rows: readonly Row[], halfLife: number): readonly number[] {
  const count = Math.min(rows[0]?.x.length ?? 0, 2);
  if (count === 0) return [];
  let [weights, meanY, mean0, mean1] = [0, 0, 0, 0];
  rows.forEach(({ y, x }, i) => {
    const weight = 2 ** (-i / halfLife);
    weights += weight;
    meanY += weight * y;
    mean0 += weight * (x[0] ?? 0);
    mean1 += weight * (x[1] ?? 0);
  });
  [meanY, mean0, mean1] = [meanY / weights, mean0 / weights, mean1 / weights];
  const shrink = (ridge * weights) / rows.length;
  let [a, b, d, u, v] = [shrink, 0, shrink, 0, 0];
  rows.forEach(({ y, x }, i) => {
    const weight = 2 ** (-i / halfLife);
    const [dy, d0, d1] = [y - meanY, (x[0] ?? 0) - mean0, (x[1] ?? 0) - mean1];
    a += weight * d0 * d0;
    b += weight * d0 * d1;
    d += weight * d1 * d1;
    u += weight * d0 * dy;
    v += weight * d1 * dy;
  });
  if (count === 1) return [u / a];
  const determinant = a * d - b * b;
  return [(u * d - b * v) / determinant, (a * v - b * u) / determinant];
}
