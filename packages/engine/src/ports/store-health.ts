/** Health of the shared store at this moment. */
export interface StoreHealth {
  /** True while the store answers calls. */
  readonly connected: boolean;
  /** True while published messages come back over the bus, proven by a message sent through it. */
  readonly busConnected: boolean;
  /** True while the store takes writes. A store that answers may refuse them, because its memory is full for instance. */
  readonly takesWrites: boolean;
  /** True while the store refuses writes because its memory is full; absent where the store never says so. */
  readonly isFull?: boolean;
  /** Reason for which the store takes no writes, and what ends it; absent where the store does not say. */
  readonly reason?: string;
}

/** Health of a store outside of the process. */
export interface StoreWatch {
  /** Kind of the store, for instance `redis`. */
  readonly kind: string;
  readonly health: StoreHealth;
  /** Calls the listener after every change of health, until the returned function is called. */
  onChange(listener: (health: StoreHealth) => void): () => void;
}
