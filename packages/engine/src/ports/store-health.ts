/** Whether the shared store can be reached now. */
export interface StoreHealth {
  /** Calls are answered. */
  readonly connected: boolean;
  /** What is published comes back over the bus, proven by a message sent through it. */
  readonly busConnected: boolean;
}

/** Tells how a store outside of the process is doing. */
export interface StoreWatch {
  /** What it is, for instance `redis`. */
  readonly kind: string;
  readonly health: StoreHealth;
  /** Calls the listener after every change, until the returned function is called. */
  onChange(listener: (health: StoreHealth) => void): () => void;
}
