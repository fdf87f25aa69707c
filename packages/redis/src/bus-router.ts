import type { BusMessageListener, RedisLink } from "./redis-link.ts";

/** What pub/sub carries: entries of logs, news of presence, signals between nodes. */
export type BusKind = "bus" | "presence" | "signals";

/** Who takes one kind. */
export interface BusRoute {
  readonly onMessage: BusMessageListener;
  readonly onDisrupted?: () => void;
}

/**
 * Hands what pub/sub brings to the port that it is for, by the name of its bus channel: `prefix:{tag}:kind:rest`.
 * All are told of a disruption.
 */
export class BusRouter {
  readonly #routes = new Map<string, BusRoute>();

  constructor(link: RedisLink) {
    link.listen({
      onMessage: (message, busChannel) => {
        const from = busChannel.indexOf("}:") + 2;
        const kind = busChannel.slice(from, busChannel.indexOf(":", from));
        this.#routes.get(kind)?.onMessage(message, busChannel);
      },
      onDisrupted: () => {
        for (const { onDisrupted } of this.#routes.values()) onDisrupted?.();
      },
    });
  }

  /** Sets who takes a kind. */
  route(kind: BusKind, to: BusRoute): void {
    this.#routes.set(kind, to);
  }
}
