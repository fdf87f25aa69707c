/** The last `limit` of a list; none of them for 0. */
export function latest<Item>(items: readonly Item[], limit: number): readonly Item[] {
  return items.slice(Math.max(0, items.length - limit));
}
