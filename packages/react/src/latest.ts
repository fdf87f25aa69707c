/** Returns the last `limit` items of a list; none when `limit` is 0. */
export function latest<Item>(items: readonly Item[], limit: number): readonly Item[] {
  return items.slice(Math.max(0, items.length - limit));
}
