/** Something that an owner keeps in the store, such as the log of a channel. */
export interface Holding {
  /** Name of the item; unique per owner. */
  readonly item: string;
  /** Number of bytes added to the item; 0 only renews its time. */
  readonly bytes: number;
  /** Number of bytes at which the item stops to grow. An item that is larger already stays as large. */
  readonly maxBytes: number;
  /** Time after which the item is forgotten unless it is held again, in milliseconds. */
  readonly keepMs: number;
}

/** Amounts that an owner holds in the store. */
export interface Held {
  readonly items: number;
  readonly bytes: number;
  /** Number of new items that were not recorded, because the owner holds the maximum number already. */
  readonly refused: number;
}

/**
 * What each owner keeps in the store, over all nodes: an account from which limits per owner follow. It records what it is
 * told and frees nothing when the store does; items are forgotten by their time.
 */
export interface Holdings {
  /**
   * Records what an owner holds in addition, in one atomic step, and resolves with all that the owner holds then. A new
   * item beyond `maxItems` is not recorded. An owner is any text; one kind of item should have owners of its own.
   *
   * Rejects with `store_unavailable` when the store cannot answer.
   */
  hold(owner: string, holdings: readonly Holding[], maxItems: number): Promise<Held>;
}
