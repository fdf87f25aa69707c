import type { CloseCode, MessageId, Position, ServerMessage } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import type { Principal } from "../rules/principal.ts";
import type { SummaryBudget } from "./summary.ts";

/** The connection that a subscription belongs to, as the subscription uses it. */
export interface SubscriptionOwner extends SharedSubscriber {
  readonly id: string;
  /** Verified principal of the connection; undefined before there is one. */
  readonly principal: Principal | undefined;
  readonly isOpen: boolean;
  /**
   * True when this connection can share the encoded batches of a channel with all other connections of its
   * encoder.
   */
  readonly readsAlike: boolean;
  send(message: ServerMessage): void;
  close(code: CloseCode, reason: string): void;
  /** Counts the size of entries that were replayed for a subscription. */
  onReplay(size: number): void;
  /** Counts entries of a subscription that merging removed while they waited to be sent. */
  onMerged(count: number): void;
  /** Answers a message with an error. */
  refuse(id: MessageId | null, error: unknown): void;
  /** Answers a message that asks for something this version does not offer. */
  refuseUnsupported(id: MessageId | null, what: string): void;
}

/** All subscriptions of one connection, as each of them uses the list. */
export interface SubscriptionList {
  /** Returns the memory budget that all summaries of the connection share. */
  summaryBudget(): SummaryBudget;
  /**
   * Returns the cursor over all channels of the connection as an `event_id` field; no field in dialects other
   * than plain.
   */
  cursor(): { readonly event_id?: string };
  /** Returns a function that makes the cursor to send with a publication of one channel. */
  cursorOf(channel: string): (publication: { readonly position: Position }) => string;
  /** Removes a subscription that has ended. */
  drop(subscription: { readonly channel: string }): void;
  /**
   * Decides again whether the client may read the subscription's channel, and joins the channel if so. Rejects
   * if that cannot be looked up.
   */
  decide(subscription: { readonly channel: string }): Promise<void>;
  /** Decides like `decide`, and retries until the decision is made. */
  reconsider(subscription: { readonly channel: string }): void;
}
