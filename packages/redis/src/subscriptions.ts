import type { RedisLink } from "./redis-link.ts";

interface WantedSubscription {
  readonly busChannel: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Subscribes to bus channels; what a tick asks for is one command. */
export class Subscriptions {
  readonly #link: RedisLink;
  #wanted: WantedSubscription[] | undefined;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** Resolves once Redis has it. */
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
      // One master of several may be away: whoever can have what it asks for has it.
      else
        for (const { busChannel, resolve, reject } of wishes) {
          this.#link.subscribe([busChannel]).then(resolve, reject);
        }
    }
  }
}
