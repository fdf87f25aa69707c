/** Returns the last `limit` items of a list; none when `limit` is not at least 1. */
export function latest<Item>(items: readonly Item[], limit: number): readonly Item[] {
  return limit >= 1 ? items.slice(-limit) : [];
}
