import type { QueueTicket as StoredTicket } from "@milepost/engine";
import type { QueuePositionData, QueueTicket } from "@milepost/model";
import type { AssuredPublisher } from "../dead-letters/assured-publisher.ts";

const publisher = "gateway:queues";

/** Data of a `queue:position` event that the gateway publishes for a ticket. */
export interface TicketNews extends QueuePositionData {
  readonly queue: string;
  readonly ticket: QueueTicket;
}

/**
 * Publishes the changes of tickets in the channels of their people, as `queue:position`.
 *
 * The event has the fields of the events that a backend sends, so that pages for those show it too, and the whole ticket.
 */
export class QueueNews {
  readonly #publisher: AssuredPublisher;

  constructor(assured: AssuredPublisher) {
    this.#publisher = assured;
  }

  /** Publishes a ticket as it is now. Never rejects: news that could not be stored are retried until newer ones replace them. */
  async publish(stored: StoredTicket, ticket: QueueTicket): Promise<void> {
    const wait = ticket.estimated_wait?.p50_ms ?? null;
    const news: TicketNews = {
      position: ticket.position,
      total: ticket.total,
      estimatedWaitTime: wait,
      estimated_wait_ms: wait,
      queue: ticket.queue,
      ticket,
    };
    // With this key, two nodes that publish the same change store it once, and a later return to the same state is stored again.
    const key = `${ticket.id}:${ticket.status}:${ticket.attempt}:${ticket.position}:${ticket.total}:${wait}`;
    await this.#publisher.publish(`${stored.owner} ${ticket.id}`, {
      channel: stored.owner,
      event: "queue:position",
      json: JSON.stringify(news),
      key,
      publisher,
    });
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }
}
