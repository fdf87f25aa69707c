import type { Recorder } from "@milepost/checker/recording";
import { type Client, createClient } from "@milepost/client";
import { durable } from "@milepost/client/durable";
import { WebSocket } from "ws";
import type { Access } from "./reader.ts";

const name = "worker";
/** Deliveries after which the rules of the suite give an entry up; it is the default of a rule. */
const maxAttempts = 5;

/**
 * Program that must handle every entry of a channel at least once: a durable subscriber that acknowledges each
 * entry, and records what it receives and which of its acks were answered.
 */
export class Worker {
  readonly channel: string;
  /** Positions of the entries that the worker received. */
  readonly handled = new Set<string>();
  /** Error that stopped the worker; undefined while it works. */
  failure: string | undefined;
  /** Number of acks that were answered. */
  saved = 0;
  readonly #access: Access;
  readonly #recorder: Recorder;
  #client: Client;

  constructor(channel: string, access: Access, recorder: Recorder) {
    this.channel = channel;
    this.#access = access;
    this.#recorder = recorder;
    recorder.add({ type: "durable", subscriber: name, channel, max_attempts: maxAttempts });
    this.#client = this.#start();
  }

  /** Starts the program anew: the new one takes the durable subscriber over while the old one still holds it. */
  async reload(): Promise<void> {
    const before = this.#client;
    this.#client = this.#start();
    await before.close();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #start(): Client {
    const { url, token } = this.#access;
    const client = createClient({ url, token, webSocket: WebSocket, transports: ["websocket"] });
    this.#work(client).catch((error: unknown) => {
      if (this.#client === client) this.failure = String(error);
    });
    return client;
  }

  async #work(client: Client): Promise<void> {
    const entries = durable(client.channel(this.channel), name, { since: "start" });
    for await (const { event, attempt, ack } of entries) {
      const { position } = event;
      this.handled.add(position);
      this.#recorder.add({ type: "handed", subscriber: name, position, attempt });
      const answered = (outcome: "saved" | "unknown") =>
        this.#recorder.add({ type: "acked", subscriber: name, kind: "ack", position, outcome });
      ack().then(
        () => {
          this.saved++;
          answered("saved");
        },
        () => answered("unknown"),
      );
    }
  }
}
