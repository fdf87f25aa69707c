/**
 * The items with the lowest names, of any number that are shown to it. It keeps no more than `size`, so nobody has to sort a
 * whole node's worth for one page.
 */
export class FirstNames<Item extends { readonly channel: string }> {
  readonly #size: number;
  readonly #items: Item[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Items with the lowest names so far, in the order of their names. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** Takes an item, unless enough items have lower names. */
  add(item: Item): void {
    const items = this.#items;
    const last = items.at(-1);
    if (items.length === this.#size && last !== undefined && last.channel <= item.channel) return;
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((items[middle]?.channel ?? "") < item.channel) low = middle + 1;
      else high = middle;
    }
    items.splice(low, 0, item);
    if (items.length > this.#size) items.pop();
  }
}
