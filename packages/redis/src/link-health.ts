import type { StoreHealth, StoreWatch } from "@milepost/engine";

/** Health of a link's connection, for listeners that watch the store. */
export class LinkHealth implements StoreWatch {
  readonly kind = "redis";
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  #health: StoreHealth = { connected: false, busConnected: false, takesWrites: false };

  get health(): StoreHealth {
    return this.#health;
  }

  onChange(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sets the health, and notifies the listeners if it changed. */
  set(health: StoreHealth): void {
    const { connected, busConnected, takesWrites, isFull = false } = this.#health;
    const isSame =
      connected === health.connected &&
      busConnected === health.busConnected &&
      takesWrites === health.takesWrites &&
      isFull === (health.isFull ?? false);
    if (isSame) return;
    this.#health = health;
    for (const listener of [...this.#listeners]) listener(this.#health);
  }
}
