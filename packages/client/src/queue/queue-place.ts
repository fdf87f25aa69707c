import type { QueueTicket } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";

/**
 * State of a person's place in a queue, as a page knows it. `loading`: the gateway has not answered yet. `none`: the person has no ticket.
 * `live`: `ticket` is the latest ticket, also after it has ended. `failed`: the gateway refused, and `error` says why.
 */
export interface QueueView {
  readonly status: "loading" | "none" | "live" | "failed";
  readonly ticket: QueueTicket | undefined;
  readonly error: MilepostError | undefined;
}

/** Place of this client's person in one queue. It follows the gateway while it has subscribers. */
export interface QueueTicketView {
  readonly queue: string;
  getSnapshot(): QueueView;
  subscribe(listener: () => void): () => void;
  /** Joins the queue, or returns the ticket that the person has in it. Rejects with the gateway's error. */
  join(): Promise<QueueTicket>;
  /** Leaves the queue; does nothing without a waiting ticket. Rejects with the gateway's error. */
  leave(): Promise<void>;
}
