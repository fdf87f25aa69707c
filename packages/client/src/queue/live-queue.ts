import type { QueueTicket } from "@milepost/model";
import { isRecord, MilepostError } from "@milepost/protocol";
import type { Subscription } from "../channel/channel.ts";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import { followIdentity, followReopening } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { randomKeys } from "../runtime/random-keys.ts";
import type { QueueTicketView, QueueView } from "./queue-place.ts";

const loading: QueueView = { status: "loading", ticket: undefined, error: undefined };

/** Place of a person in a queue: the gateway's answer, and then what it publishes in the person's channel. */
export class LiveQueue implements QueueTicketView {
  readonly queue: string;
  readonly #client: Client;
  readonly #listeners: ChangeListeners;
  readonly #newKey = randomKeys(Math.random);
  #subscription: Subscription | undefined;
  #view: QueueView = loading;
  /** Number of the latest change or request. An answer that is older than a change is ignored. */
  #generation = 0;

  constructor(client: Client, queue: string) {
    this.queue = queue;
    this.#client = client;
    // Any valid name will do: the reporter is the client's.
    this.#listeners = new ChangeListeners(reporterOf(client.channel("queue")), () =>
      this.#follow(),
    );
  }

  getSnapshot(): QueueView {
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async join(): Promise<QueueTicket> {
    const params = { queue: this.queue };
    const joined = await this.#request("queues.join", params);
    this.#set(joined);
    return joined;
  }

  async leave(): Promise<void> {
    const { ticket } = this.#view;
    if (ticket?.status !== "waiting") return;
    this.#set(await this.#request("queues.leave", { queue: this.queue, ticket: ticket.id }));
  }

  #follow(): () => void {
    const begin = () =>
      followIdentity(this.#client, ({ user, session }) => {
        const channel = user ?? session;
        if (channel === undefined) {
          void this.#look();
          return () => {};
        }
        this.#subscription = this.#client.channel(channel).subscribe(
          {
            onEvent: ({ data }) => this.#take(data),
            onReset: () => void this.#look(),
            onGap: () => void this.#look(),
            onState: (state) => {
              if (state === "live") void this.#look();
            },
          },
          { since: "now", events: ["queue:position"] },
        );
        return () => this.#subscription?.close();
      });
    let end = begin();
    const stop = followReopening(this.#client, () => {
      end();
      end = begin();
    });
    return () => {
      stop();
      end();
      this.#generation++;
    };
  }

  #take(data: unknown): void {
    if (!isRecord(data) || data.queue !== this.queue || !isRecord(data.ticket)) return;
    this.#set(data.ticket as unknown as QueueTicket);
  }

  /** Asks for the live ticket, or for the end of the one that was live. */
  async #look(): Promise<void> {
    const generation = ++this.#generation;
    const known = this.#view.ticket;
    const { queue } = this;
    try {
      const ticket = await this.#request("queues.get", { queue }).catch((error: unknown) => {
        if (known === undefined || !isMissing(error)) throw error;
        return this.#request("queues.get", { queue, ticket: known.id });
      });
      if (generation === this.#generation) this.#set(ticket);
    } catch (thrown) {
      if (generation !== this.#generation) return;
      const error = thrown instanceof MilepostError ? thrown : undefined;
      if (isMissing(thrown)) this.#show({ status: "none", ticket: undefined, error: undefined });
      // What was known stays shown while the gateway or its store is away; the next contact looks again.
      else if (error?.retryable !== true || known === undefined) {
        this.#show({ status: "failed", ticket: known, error });
      }
    }
  }

  async #request(method: string, params: object): Promise<QueueTicket> {
    // With a key, the request is sent again when the connection was lost before its answer.
    const options = { key: this.#newKey() };
    return (await this.#client.request(method as never, params as never, options)) as QueueTicket;
  }

  #set(ticket: QueueTicket): void {
    this.#generation++;
    this.#show({ status: "live", ticket, error: undefined });
  }

  #show(view: QueueView): void {
    this.#view = view;
    this.#listeners.changed();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof MilepostError && error.code === "not_found";
}
