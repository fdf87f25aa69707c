import type { StoreHealth, StoreWatch } from "@milepost/engine";

/** Health of a link's connection, for listeners that watch the store. */
export class LinkHealth implements StoreWatch {
  readonly kind = "redis";
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  #health: StoreHealth = { connected: false, busConnected: false };

  get health(): StoreHealth {
    return this.#health;
  }

  onChange(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sets the health, and notifies the listeners if it changed. */
  set(connected: boolean, busConnected: boolean): void {
    const before = this.#health;
    if (connected === before.connected && busConnected === before.busConnected) return;
    this.#health = { connected, busConnected };
    for (const listener of [...this.#listeners]) listener(this.#health);
  }
}
