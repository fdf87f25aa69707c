import type { Cancel, Clock } from "./ports/clock.ts";
import type { StoreHealth, StoreWatch } from "./ports/store-health.ts";

/**
 * Time a store must be unreachable before it counts as away, in milliseconds. During a shorter interruption,
 * its client merely reconnected.
 */
const awayAfterMs = 500;

const healthy: StoreHealth = { connected: true, busConnected: true, takesWrites: true };

/** State of a store: `unreachable` becomes `away` after 500 ms. */
export type StoreState = "available" | "unreachable" | "away";

/**
 * Availability of a store for one node: the one place that decides when the store counts as away.
 *
 * It combines the store's health, as the engine reports it, with the node's lease, which the store must renew.
 * Listeners are called after every change of state, in the order in which they were added.
 */
export class StoreAvailability implements StoreWatch {
  readonly #watch: StoreWatch | undefined;
  readonly #clock: Pick<Clock, "monotonic" | "after">;
  readonly #listeners = new Set<(state: StoreState) => void>();
  readonly #unwatch: () => void;
  #state: StoreState = "available";
  #lostAt = 0;
  #isLeaseLost = false;
  #isClosed = false;
  #cancel: Cancel | undefined;

  /** Follows the store that `watch` reports on. Without a `watch`, only the node's lease decides the state. */
  constructor(watch: StoreWatch | undefined, clock: Pick<Clock, "monotonic" | "after">) {
    this.#watch = watch;
    this.#clock = clock;
    this.#unwatch = watch?.onChange(() => this.#check()) ?? (() => {});
    this.#check();
  }

  /** Returns `watch` itself when it is an availability already, so that all its users share one state. */
  static of(
    watch: StoreWatch | undefined,
    clock: Pick<Clock, "monotonic" | "after">,
  ): StoreAvailability {
    return watch instanceof StoreAvailability ? watch : new StoreAvailability(watch, clock);
  }

  get kind(): string {
    return this.#watch?.kind ?? "memory";
  }

  get health(): StoreHealth {
    return this.#watch?.health ?? healthy;
  }

  /** Current state; always `away` once this availability is closed. */
  get state(): StoreState {
    return this.#isClosed ? "away" : this.#state;
  }

  /** Time since the store was lost, in milliseconds; undefined while it is available. */
  get lostMs(): number | undefined {
    return this.#state === "available" ? undefined : this.#clock.monotonic() - this.#lostAt;
  }

  /** Records whether the node's lease has run out, because the store did not renew it. */
  setLeaseLost(isLost: boolean): void {
    this.#isLeaseLost = isLost;
    this.#check();
  }

  /** Calls `listener` after every change of health, until the returned function is called. */
  onChange(listener: (health: StoreHealth) => void): () => void {
    return this.#watch?.onChange(listener) ?? (() => {});
  }

  /** Calls `listener` after every change of state, until the returned function is called. */
  onState(listener: (state: StoreState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Stops following the store and removes all listeners. Called when the node that uses this availability
   * closes.
   */
  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#cancel?.();
    this.#listeners.clear();
  }

  #check(): void {
    const { connected, busConnected, takesWrites } = this.health;
    const isLost = this.#isLeaseLost || !(connected && busConnected && takesWrites);
    if (isLost === (this.#state !== "available")) return;
    this.#cancel?.();
    if (isLost) {
      this.#lostAt = this.#clock.monotonic();
      this.#cancel = this.#clock.after(awayAfterMs, () => this.#become("away"));
    }
    this.#become(isLost ? "unreachable" : "available");
  }

  #become(state: StoreState): void {
    this.#state = state;
    const errors: unknown[] = [];
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        errors.push(error);
      }
    }
    // The error is thrown only after all listeners were called, so a listener that throws does not stop the
    // others.
    if (errors.length > 0) throw errors[0];
  }
}
