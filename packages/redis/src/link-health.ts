import type { StoreHealth, StoreWatch } from "@milepost/engine";

/** What a link knows of its connection, told to whoever wants to know. */
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

  /** Tells the listeners when it is another than before. */
  set(connected: boolean, busConnected: boolean): void {
    const before = this.#health;
    if (connected === before.connected && busConnected === before.busConnected) return;
    this.#health = { connected, busConnected };
    for (const listener of [...this.#listeners]) listener(this.#health);
  }
}
