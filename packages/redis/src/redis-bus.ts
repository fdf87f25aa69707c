import type { Bus, BusListener, LogPolicy } from "@milepost/engine";
import type { BusRouter } from "./bus-router.ts";
import type { Keys } from "./keys.ts";
import { unpackEntry } from "./packed-entry.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Bus that carries appended entries between nodes by pub/sub. */
export class RedisBus implements Bus {
  readonly #subscriptions: Subscriptions;
  readonly #keys: Keys;
  readonly #router: BusRouter;

  constructor(subscriptions: Subscriptions, keys: Keys, router: BusRouter) {
    this.#subscriptions = subscriptions;
    this.#keys = keys;
    this.#router = router;
  }

  listen(listener: BusListener, onDisrupted?: () => void): void {
    this.#router.route("bus", {
      onMessage: (message, busChannel) =>
        listener(unpackEntry(this.#keys.channelOfBus(busChannel), message)),
      onDisrupted: () => onDisrupted?.(),
    });
  }

  async subscribe(channel: string, policy: LogPolicy): Promise<void> {
    await this.#subscriptions.add(this.#keys.bus(channel, policy));
  }

  async unsubscribe(channel: string, policy: LogPolicy): Promise<void> {
    await this.#subscriptions.remove(this.#keys.bus(channel, policy));
  }
}
