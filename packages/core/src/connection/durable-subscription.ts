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

/** A connection that delivers a channel to a durable subscriber. */
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

  /** Whether its channel has ended, and it was told. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** It reads the log at its own pace, and stands in no list of the hub. */
  get hubSubscriber(): undefined {
    return undefined;
  }

  /** Everything up to here is settled; undefined before the start. */
  get position(): Position | undefined {
    return this.#isStarted ? this.#reader?.acked : undefined;
  }

  /** Takes the subscriber `owner` over. */
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

  /** Resolves when it has started or failed; undefined when it has. */
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
    // Its own place is with the service: a cursor names the other channels of the connection.
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

  /** Ends it silently. */
  leave(): void {
    this.#reader?.leave();
    this.#settle();
  }

  /** Says what became of an ack or nack, if somebody asked or it was wrong. */
  #answer(
    id: MessageId | undefined,
    take: (reply?: Parameters<DurableReader["ack"]>[1]) => AckOutcome | undefined,
  ): void {
    const reply = id === undefined ? undefined : this.#replyTo(id);
    if ((take(reply) ?? "unknown") !== "unknown") return;
    const message = "the position names nothing that was delivered to this subscriber";
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
