import type { Bus, BusListener, LogPolicy } from "@milepost/engine";
import type { Publication } from "@milepost/protocol";
import type { Outage } from "./outage.ts";

const retryMs = 1_000;

/** Parts of the node that an {@link OutageBus} uses. */
export interface OutageBusParts {
  readonly bus: Bus;
  readonly outage: Outage;
  readonly pause: (ms: number) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Bus of a node that keeps working during an outage of its store.
 *
 * During an outage, channels that continue locally can still be subscribed to; the store receives those
 * subscriptions once it is back. After every outage the listener is notified that entries may have been lost.
 */
export class OutageBus implements Bus {
  readonly #parts: OutageBusParts;
  /** Subscriptions that the store has not received yet, by channel. */
  readonly #deferred = new Map<string, LogPolicy>();
  readonly #subscribing = new Map<string, Promise<void>>();
  #listener: BusListener | undefined;
  #onDisrupted: (() => void) | undefined;
  #closed = false;

  constructor(parts: OutageBusParts) {
    this.#parts = parts;
  }

  listen(listener: BusListener, onDisrupted?: () => void): void {
    this.#listener = listener;
    this.#onDisrupted = onDisrupted;
    this.#parts.bus.listen(listener, onDisrupted);
  }

  async subscribe(channel: string, policy: LogPolicy): Promise<void> {
    if (policy.goesOnLocally === true && this.#parts.outage.isOn)
      this.#deferred.set(channel, policy);
    else await this.#parts.bus.subscribe(channel, policy);
  }

  async unsubscribe(channel: string, policy: LogPolicy): Promise<void> {
    await this.#subscribing.get(channel);
    if (!this.#deferred.delete(channel)) await this.#parts.bus.unsubscribe(channel, policy);
  }

  /** Delivers a publication of the node's local logs to the listener. */
  publish(publication: Publication): void {
    this.#listener?.(publication);
  }

  /**
   * Resumes after an outage: sends the deferred subscriptions to the store, and notifies the listener that
   * entries may have been lost.
   */
  async resume(): Promise<void> {
    const { outage, pause } = this.#parts;
    this.#onDisrupted?.();
    let isLate = false;
    while (this.#deferred.size > 0 && !outage.isOn && !this.#closed) {
      isLate = true;
      const deferred = [...this.#deferred];
      this.#deferred.clear();
      await Promise.all(deferred.map(([channel, policy]) => this.#subscribe(channel, policy)));
      if (this.#deferred.size > 0) await pause(retryMs);
    }
    if (isLate) this.#onDisrupted?.();
  }

  /** Subscribes at the store; defers the subscription again when that fails. */
  #subscribe(channel: string, policy: LogPolicy): Promise<void> {
    const { bus, onError } = this.#parts;
    const subscribed = bus.subscribe(channel, policy).catch((error: unknown) => {
      onError(error);
      this.#deferred.set(channel, policy);
    });
    const settled = subscribed.finally(() => this.#subscribing.delete(channel));
    this.#subscribing.set(channel, settled);
    return settled;
  }

  close(): void {
    this.#closed = true;
  }
}
