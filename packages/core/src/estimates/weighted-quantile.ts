/** A value with its weight. */
export interface Weighted {
  readonly value: number;
  readonly weight: number;
}

/**
 * Returns the value below which the share `level` of the weight lies. `sorted` has at least one item and ascends by value.
 * Between two items the value is interpolated; a level outside of all of them gives the first or the last.
 */
export function weightedQuantile(sorted: readonly Weighted[], level: number): number {
  let total = 0;
  for (const { weight } of sorted) total += weight;
  let passed = 0;
  let before: { readonly value: number; readonly at: number } | undefined;
  for (const { value, weight } of sorted) {
    const at = (passed + weight / 2) / total;
    if (level <= at) {
      if (before === undefined) return value;
      const part = (level - before.at) / (at - before.at);
      return before.value + (value - before.value) * part;
    }
    passed += weight;
    before = { value, at };
  }
  return before?.value ?? 0;
}
