import type { StoreHealth, StoreWatch } from "@milepost/engine";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Longest time in milliseconds until a node notices that the store refuses it, and that it no longer does. */
const noticesWithinMs = 3_000;
const recoversWithinMs = 200;

/** Nodes that the store refuses, and what each of them knows of it. */
export class Refusals {
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #nodes = new Set<string>();
  readonly #watches = new Set<NodeWatch>();

  constructor(time: VirtualTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
  }

  has(node: string): boolean {
    return this.#nodes.has(node);
  }

  add(node: string): void {
    this.#nodes.add(node);
    this.#tellWithin(noticesWithinMs);
  }

  delete(node: string): void {
    this.#nodes.delete(node);
    this.#tellWithin(recoversWithinMs);
  }

  clear(): void {
    this.#nodes.clear();
    this.#tellWithin(recoversWithinMs);
  }

  /**
   * Returns the store's health as one process of a node sees it; `onBack` is called when the node sees the
   * store available again.
   */
  watch(node: string, onBack: () => void): { readonly store: StoreWatch; end(): void } {
    const watch = new NodeWatch(node, onBack);
    this.#watches.add(watch);
    watch.look(!this.#nodes.has(node));
    return { store: watch, end: () => this.#watches.delete(watch) };
  }

  #tellWithin(ms: number): void {
    this.#time.after(this.#random.between(0, ms), () => {
      for (const watch of [...this.#watches]) watch.look(!this.#nodes.has(watch.node));
    });
  }
}

class NodeWatch implements StoreWatch {
  readonly kind = "simulated";
  readonly node: string;
  readonly #onBack: () => void;
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  #isWell = true;

  constructor(node: string, onBack: () => void) {
    this.node = node;
    this.#onBack = onBack;
  }

  get health(): StoreHealth {
    return { connected: this.#isWell, busConnected: this.#isWell, takesWrites: this.#isWell };
  }

  onChange(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  look(isWell: boolean): void {
    if (isWell === this.#isWell) return;
    this.#isWell = isWell;
    for (const listener of [...this.#listeners]) listener(this.health);
    if (isWell) this.#onBack();
  }
}
