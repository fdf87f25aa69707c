import type { WebSocketConstructor, WebSocketLike } from "@milepost/client";
import type { ClusterNode } from "./cluster-node.ts";
import type { ClientEnd, Link } from "./link.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Client's access to the cluster, behind a load balancer that picks any node that is up. */
export class NetworkPort {
  readonly #nodes: readonly ClusterNode[];
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  /** The newest connection; undefined before the first one. */
  link: Link | undefined;
  isDead = false;

  constructor(nodes: readonly ClusterNode[], time: VirtualTime, random: SeededRandom) {
    this.#nodes = nodes;
    this.#time = time;
    this.#random = random;
  }

  /** Connects; `onLink` receives the link once a node has accepted it. */
  dial(
    url: string,
    protocols: readonly string[],
    client: ClientEnd,
    onLink: (link: Link) => void,
  ): void {
    const wayMs = this.#random.between(1, 30);
    this.#time.after(wayMs, () => {
      if (this.isDead) return;
      const up = this.#nodes.filter(({ isUp }) => isUp);
      const link = this.#random.pick(up)?.accept(new URL(url), protocols, client);
      if (link === undefined) {
        this.#time.after(wayMs, () => client.onClose(1006, ""));
        return;
      }
      this.link = link;
      onLink(link);
    });
  }

  /** Returns the `WebSocket` class that the SDK uses. */
  webSocket(): WebSocketConstructor {
    const port = this;
    return class SimulatedWebSocket implements WebSocketLike {
      readonly #listeners = new Map<string, ((event: never) => void)[]>();
      #link: Link | undefined;
      #closed = false;
      /** True when the socket was closed before it had a link. */
      #unwanted = false;

      constructor(url: string, protocols: string[] = []) {
        const client: ClientEnd = {
          onOpen: () => this.#tell("open", undefined),
          onText: (data) => this.#tell("message", { data }),
          onClose: (code, reason) => {
            if (this.#closed) return;
            this.#closed = true;
            this.#tell("close", { code, reason });
          },
        };
        port.dial(url, protocols, client, (link) => {
          this.#link = link;
          if (this.#unwanted) link.closeFromClient();
        });
      }

      send(data: string): void {
        this.#link?.sendText(data);
      }

      close(): void {
        if (this.#link === undefined) this.#unwanted = true;
        else this.#link.closeFromClient();
      }

      addEventListener(type: string, listener: (event: never) => void): void {
        const listeners = this.#listeners.get(type);
        if (listeners === undefined) this.#listeners.set(type, [listener]);
        else listeners.push(listener);
      }

      #tell(type: string, event: unknown): void {
        if (port.isDead) return;
        for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
      }
    };
  }
}
