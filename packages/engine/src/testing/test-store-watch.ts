import type { StoreHealth, StoreWatch } from "../index.ts";

/** Store health that a test controls. */
export class TestStoreWatch implements StoreWatch {
  readonly kind = "test";
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  #health: StoreHealth = { connected: true, busConnected: true, takesWrites: true };

  get health(): StoreHealth {
    return this.#health;
  }

  onChange(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(connected: boolean, busConnected = connected, takesWrites = connected): void {
    this.#health = { connected, busConnected, takesWrites };
    for (const listener of [...this.#listeners]) listener(this.#health);
  }
}
