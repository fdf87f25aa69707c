/**
 * Puts an item into a list, in the place of the one with its id or at the end. A list that exceeds `max` drops its
 * oldest idle item first.
 */
export function putItem<Item extends { readonly id: string }>(
  items: readonly Item[],
  item: Item,
  max: number,
  isIdle: (item: Item) => boolean,
): readonly Item[] {
  const index = items.findIndex(({ id }) => id === item.id);
  if (index >= 0) return items.with(index, item);
  const all = [...items, item];
  return all.length <= max ? all : all.toSpliced(Math.max(all.findIndex(isIdle), 0), 1);
}

/** Changes the items that `isMeant` is true for. Returns the same list if there is none. */
export function changeItems<Item>(
  items: readonly Item[],
  isMeant: (item: Item) => boolean,
  change: (item: Item) => Item,
): readonly Item[] {
  return items.some(isMeant) ? items.map((item) => (isMeant(item) ? change(item) : item)) : items;
}
