import type { SignalListener, Signals } from "@milepost/engine";
import type { BusRouter } from "./bus-router.ts";
import type { Keys } from "./keys.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Signals between nodes by pub/sub: one bus channel for all nodes, and one for each node. */
export class RedisSignals implements Signals {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #router: BusRouter;

  constructor(link: RedisLink, keys: Keys, router: BusRouter) {
    this.#link = link;
    this.#keys = keys;
    this.#router = router;
  }

  async listen(node: string, listener: SignalListener, onDisrupted?: () => void): Promise<void> {
    this.#router.route("signals", {
      onMessage: (message) => listener(JSON.parse(message)),
      onDisrupted: () => onDisrupted?.(),
    });
    await this.#link.subscribe([this.#keys.signals(), this.#keys.signals(node)]);
  }

  async send(signal: unknown, node?: string): Promise<void> {
    const args = [this.#link.publishCommand, JSON.stringify(signal)];
    await this.#link.run(scripts.signal, [this.#keys.signals(node)], args);
  }
}
