import type { MessageId, Position, ServerMessage } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import type { SummaryBudget } from "./summary.ts";

/** The connection that a subscription belongs to, as the subscription uses it. */
export interface SubscriptionOwner extends SharedSubscriber {
  readonly id: string;
  readonly isOpen: boolean;
  /** True when a batch of a channel has the same bytes for this connection as for all others of its encoder. */
  readonly readsAlike: boolean;
  send(message: ServerMessage): void;
  /** Counts entries that merging removed while they waited for a subscription. */
  onMerged(count: number): void;
  /** Answers a message with an error. */
  refuse(id: MessageId | null, error: unknown): void;
  /** Answers a message that asks for something this version does not offer. */
  refuseUnsupported(id: MessageId | null, what: string): void;
}

/** All subscriptions of one connection, as each of them uses the list. */
export interface SubscriptionList {
  /** Bytes that the summaries of the connection share. */
  summaryBudget(): SummaryBudget;
  /** Position in all channels of the connection, as a message field; empty except in the plain dialect. */
  cursor(): { readonly event_id?: string };
  /** Returns a function that makes the cursor of each publication of one channel. */
  cursorOf(channel: string): (publication: { readonly position: Position }) => string;
  /** Removes a subscription that has ended. */
  drop(subscription: { readonly channel: string }): void;
}
