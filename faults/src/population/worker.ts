import { type Client, createClient } from "@milepost/client";
import { durable } from "@milepost/client/durable";
import { WebSocket } from "ws";
import type { Access } from "./reader.ts";

/**
 * Program that must handle every entry of a channel at least once: a durable subscriber that acknowledges each
 * entry.
 */
export class Worker {
  readonly channel: string;
  /** Positions of the entries that the worker received. */
  readonly handled = new Set<string>();
  /** Error that stopped the worker; undefined while it works. */
  failure: string | undefined;
  readonly #client: Client;

  constructor(channel: string, { url, token }: Access) {
    this.channel = channel;
    this.#client = createClient({ url, token, webSocket: WebSocket, transports: ["websocket"] });
    this.#work().catch((error: unknown) => {
      this.failure = String(error);
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #work(): Promise<void> {
    const entries = durable(this.#client.channel(this.channel), "worker", { since: "start" });
    for await (const { event, ack } of entries) {
      this.handled.add(event.position);
      ack();
    }
  }
}
