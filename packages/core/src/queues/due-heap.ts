/** Something that becomes due at a number; the heap manages its place. */
export interface HeapItem {
  dueAt: number;
  heapIndex: number;
}

/** Items ordered by the number at which they are due. Adding, moving and removing cost O(log n). */
export class DueHeap<T extends HeapItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Adds an item, or moves it to a new number. */
  set(item: T, dueAt: number): void {
    item.dueAt = dueAt;
    if (this.#items[item.heapIndex] !== item) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
    }
    this.#up(item.heapIndex);
    this.#down(item.heapIndex);
  }

  delete(item: T): void {
    const { heapIndex } = item;
    if (this.#items[heapIndex] !== item) return;
    const last = this.#items.pop();
    item.heapIndex = -1;
    if (last === undefined || last === item) return;
    this.#put(last, heapIndex);
    this.#up(heapIndex);
    this.#down(last.heapIndex);
  }

  /** Removes and returns the item that is due first, if it is due at this number or before. */
  takeDue(now: number): T | undefined {
    const [first] = this.#items;
    if (first === undefined || first.dueAt > now) return undefined;
    this.delete(first);
    return first;
  }

  #up(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(from: number): void {
    let index = from;
    for (;;) {
      let first = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#items.length && this.#isBefore(child, first)) first = child;
      }
      if (first === index) return;
      this.#swap(index, first);
      index = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    return (this.#items[a]?.dueAt ?? 0) < (this.#items[b]?.dueAt ?? 0);
  }

  #swap(a: number, b: number): void {
    const first = this.#items[a] as T;
    this.#put(this.#items[b] as T, a);
    this.#put(first, b);
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
