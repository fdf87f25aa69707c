import type { Bus, BusListener, LogPolicy } from "@milepost/core";
import type { BusRouter } from "./bus-router.ts";
import type { Keys } from "./keys.ts";
import { unpackEntry } from "./packed-entry.ts";
import type { RedisLink } from "./redis-link.ts";

interface Wish {
  readonly busChannel: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Carries appended entries between nodes by pub/sub; what a tick subscribes to is one command. */
export class RedisBus implements Bus {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #router: BusRouter;
  #wishes: Wish[] | undefined;

  constructor(link: RedisLink, keys: Keys, router: BusRouter) {
    this.#link = link;
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

  subscribe(channel: string, policy: LogPolicy): Promise<void> {
    return new Promise((resolve, reject) => {
      const wish: Wish = { busChannel: this.#keys.bus(channel, policy), resolve, reject };
      if (this.#wishes !== undefined) {
        this.#wishes.push(wish);
        return;
      }
      this.#wishes = [wish];
      queueMicrotask(() => void this.#subscribe());
    });
  }

  async unsubscribe(channel: string, policy: LogPolicy): Promise<void> {
    await this.#link.unsubscribe([this.#keys.bus(channel, policy)]);
  }

  async #subscribe(): Promise<void> {
    const wishes = this.#wishes ?? [];
    this.#wishes = undefined;
    try {
      const busChannels = wishes.map(({ busChannel }) => busChannel);
      await this.#link.subscribe(busChannels);
      for (const { resolve } of wishes) resolve();
    } catch (error) {
      for (const { reject } of wishes) reject(error);
    }
  }
}
