import {
  type AckMessage,
  formatPosition,
  type GapReason,
  type MessageId,
  MilepostError,
  type NackMessage,
  type Position,
  type Publication,
  type Since,
  type Subscribed,
} from "@milepost/protocol";
import type { AckOutcome } from "../durable/delivery-ledger.ts";
import type { DurableOwner, DurableStart } from "../durable/durable-owner.ts";
import type { DurableContext } from "../durable/durable-reader.ts";
import { DurableReader } from "../durable/durable-reader.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { SubscriptionRequest } from "./subscription.ts";
import type { SubscriptionList, SubscriptionOwner } from "./subscription-owner.ts";

/** Subscription of a connection as a durable subscriber of a channel. */
export class DurableSubscription implements DurableOwner {
  readonly channel: string;
  readonly id: MessageId | undefined;
  readonly #name: string;
  readonly #connection: SubscriptionOwner;
  readonly #subscriptions: SubscriptionList;
  readonly #events: ReadonlySet<string> | undefined;
  #reader: DurableReader | undefined;
  #isStarted = false;
  #isEnded = false;
  #waiters: (() => void)[] = [];

  constructor(
    connection: SubscriptionOwner,
    subscriptions: SubscriptionList,
    { channel, events, id }: SubscriptionRequest,
    name: string,
  ) {
    this.#connection = connection;
    this.#subscriptions = subscriptions;
    this.channel = channel;
    this.id = id;
    this.#name = name;
    this.#events = events === undefined ? undefined : new Set(events);
  }

  get isDurable(): true {
    return true;
  }

  /** True once the channel has ended and the end was sent to the client. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Always undefined: a durable subscriber reads the log at its own pace, without the hub. */
  get hubSubscriber(): undefined {
    return undefined;
  }

  /** Position up to which no delivered entry waits for an acknowledgement; undefined before the start. */
  get position(): Position | undefined {
    return this.#isStarted ? this.#reader?.acked : undefined;
  }

  /**
   * Starts delivery to the durable subscriber of `owner`, a user or session. Any other connection that held
   * this durable subscriber loses it.
   */
  begin(
    resolved: ResolvedChannel,
    owner: string,
    since: Since | undefined,
    durable: DurableContext,
  ): void {
    const key = { channel: this.channel, owner, name: this.#name };
    this.#reader = new DurableReader(key, resolved, this.#events, this, durable);
    void this.#reader.start(since);
  }

  ack({ id, position }: AckMessage): void {
    this.#answer(id, (reply) => this.#reader?.ack(position, reply));
  }

  nack({ id, position, reason }: NackMessage): void {
    this.#answer(id, (reply) => this.#reader?.nack(position, reason, reply));
  }

  /** Resolves once the subscription has started or failed; returns undefined if it has started already. */
  settled(): Promise<void> | undefined {
    if (this.#isStarted) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  onStart({ position, recovered, reason, gap }: DurableStart): void {
    this.#isStarted = true;
    const subscribed: Subscribed = {
      channel: this.channel,
      position: formatPosition(position),
      recovered,
      ...(reason === undefined ? {} : { reason }),
    };
    const { id } = this;
    if (id !== undefined) {
      const cursor = this.#subscriptions.cursor();
      this.#connection.send({ type: "reply", id, result: subscribed, ...cursor });
    }
    if (gap !== undefined && reason !== undefined) this.onGap(gap.from, gap.to, reason);
    this.#settle();
  }

  onFailed(error: unknown): void {
    this.#subscriptions.drop(this);
    this.#connection.refuse(this.id ?? null, error);
    this.#settle();
  }

  onDelivery(publications: readonly Publication[]): void {
    // The gateway keeps the position of a durable subscriber, so the cursor names only the other channels of
    // the connection.
    const cursor = this.#subscriptions.cursor().event_id ?? "";
    const { encoder, sendQueue } = this.#connection;
    sendQueue.push(encoder.encodeBatch(publications, () => cursor));
  }

  onGap(from: Position, to: Position, reason: GapReason): void {
    this.#connection.send({
      type: "gap",
      channel: this.channel,
      from: formatPosition(from),
      to: formatPosition(to),
      reason,
      ...this.#subscriptions.cursor(),
    });
  }

  onEnd(end: Publication): void {
    this.#isEnded = true;
    this.onDelivery([end]);
  }

  onTakenOver(acked: Position): void {
    this.#subscriptions.drop(this);
    this.#connection.send({
      type: "unsubscribed",
      channel: this.channel,
      position: formatPosition(acked),
      reason: "taken_over",
      ...this.#subscriptions.cursor(),
    });
    this.#settle();
  }

  drained(): Promise<void> | undefined {
    return this.#connection.sendQueue.drained();
  }

  /** Ends the subscription without a message to the client. */
  leave(): void {
    this.#reader?.leave();
    this.#settle();
  }

  /**
   * Replies to an ack or nack that has an id. An ack or nack of an unknown position is refused even if it has
   * no id.
   */
  #answer(
    id: MessageId | undefined,
    take: (reply?: Parameters<DurableReader["ack"]>[1]) => AckOutcome | undefined,
  ): void {
    const reply = id === undefined ? undefined : this.#replyTo(id);
    if ((take(reply) ?? "unknown") !== "unknown") return;
    const message =
      "the position matches no entry delivered to this subscriber; use the position of an entry it received";
    this.#connection.refuse(id ?? null, new MilepostError("invalid_position", message));
  }

  #replyTo(id: MessageId) {
    const connection = this.#connection;
    const { channel } = this;
    return {
      onSaved(acked: Position) {
        if (!connection.isOpen) return;
        connection.send({
          type: "reply",
          id,
          result: { channel, position: formatPosition(acked) },
        });
      },
      onLost(error: unknown) {
        if (connection.isOpen) connection.refuse(id, error);
      },
    };
  }

  #settle(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
