import type { RedisLink } from "./redis-link.ts";

interface WantedSubscription {
  readonly busChannel: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Subscribes to bus channels; the requests of one tick share one command. */
export class Subscriptions {
  readonly #link: RedisLink;
  #wanted: WantedSubscription[] | undefined;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** Subscribes to a bus channel. Resolves once Redis has the subscription. */
  add(busChannel: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const wish: WantedSubscription = { busChannel, resolve, reject };
      if (this.#wanted !== undefined) {
        this.#wanted.push(wish);
        return;
      }
      this.#wanted = [wish];
      queueMicrotask(() => void this.#subscribe());
    });
  }

  remove(busChannel: string): Promise<void> {
    return this.#link.unsubscribe([busChannel]);
  }

  async #subscribe(): Promise<void> {
    const wishes = this.#wanted ?? [];
    this.#wanted = undefined;
    try {
      await this.#link.subscribe(wishes.map(({ busChannel }) => busChannel));
      for (const { resolve } of wishes) resolve();
    } catch (error) {
      const [only, ...others] = wishes;
      if (others.length === 0) only?.reject(error);
      // One of several masters may be down, so each subscription is tried alone.
      else
        for (const { busChannel, resolve, reject } of wishes) {
          this.#link.subscribe([busChannel]).then(resolve, reject);
        }
    }
  }
}
