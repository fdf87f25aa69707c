/** Node of a {@link Chain}: a value and its neighbours. */
export interface Link<T> {
  readonly value: T;
  previous: Link<T> | undefined;
  next: Link<T> | undefined;
}

/** Doubly linked list. Adding and removing anywhere take constant time. */
export class Chain<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get first(): Link<T> | undefined {
    return this.#first;
  }

  get last(): Link<T> | undefined {
    return this.#last;
  }

  get size(): number {
    return this.#size;
  }

  append(value: T): Link<T> {
    return this.#insert(value, this.#last, undefined);
  }

  insertBefore(next: Link<T> | undefined, value: T): Link<T> {
    return this.#insert(value, next ? next.previous : this.#last, next);
  }

  /** Removes a link that belongs to this chain. */
  remove(link: Link<T>): void {
    if (link.previous) link.previous.next = link.next;
    else this.#first = link.next;
    if (link.next) link.next.previous = link.previous;
    else this.#last = link.previous;
    this.#size--;
  }

  #insert(value: T, previous: Link<T> | undefined, next: Link<T> | undefined): Link<T> {
    const link = { value, previous, next };
    if (previous) previous.next = link;
    else this.#first = link;
    if (next) next.previous = link;
    else this.#last = link;
    this.#size++;
    return link;
  }
}
