import type { BusMessageListener, RedisLink } from "./redis-link.ts";

/** Kinds of pub/sub messages: entries of logs, changes of presence, signals between nodes. */
export type BusKind = "bus" | "presence" | "signals";

/** Receiver of one kind of message. */
export interface BusRoute {
  readonly onMessage: BusMessageListener;
  readonly onDisrupted?: () => void;
}

/**
 * Routes pub/sub messages to the receiver of their kind. The name of the bus channel contains the kind:
 * `prefix:{tag}:kind:rest`. A disruption is reported to all receivers.
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

  /** Sets the receiver of a kind of message. */
  route(kind: BusKind, to: BusRoute): void {
    this.#routes.set(kind, to);
  }
}
