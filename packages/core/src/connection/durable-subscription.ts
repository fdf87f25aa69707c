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
  readonly #since: Since | undefined;
  /** Epoch of the operation's log that the client may read; undefined where no operation decides. */
  #life: string | undefined;
  /** Gap that is sent once the client may read what follows it. */
  #unsent:
    | { readonly from: Position; readonly to: Position; readonly reason: GapReason }
    | undefined;
  /** Position at which the delivery was stopped; undefined while it runs. */
  #stoppedAt: Position | undefined;
  #isAnswered = false;
  #isStarted = false;
  #isEnded = false;
  #waiters: (() => void)[] = [];

  constructor(
    connection: SubscriptionOwner,
    subscriptions: SubscriptionList,
    { channel, since, events, id }: SubscriptionRequest,
    name: string,
  ) {
    this.#connection = connection;
    this.#subscriptions = subscriptions;
    this.channel = channel;
    this.id = id;
    this.#since = since;
    this.#name = name;
    this.#events = events === undefined ? undefined : new Set(events);
  }

  /** Start point that the client asked for, for a durable subscriber that is new. */
  get since(): Since | undefined {
    return this.#since;
  }

  get isDurable(): true {
    return true;
  }

  /** True once the client has its answer. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Always false: a durable subscription to an operation that the client may not see is refused. */
  get isPending(): false {
    return false;
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
    return this.#isStarted ? this.#reader?.acked : this.#stoppedAt;
  }

  /**
   * Starts delivery to the durable subscriber of `owner`, a user or session. Any other connection that held
   * this durable subscriber loses it.
   */
  begin(resolved: ResolvedChannel, owner: string, durable: DurableContext): void {
    if (this.#reader !== undefined) return;
    const key = { channel: this.channel, owner, name: this.#name };
    this.#reader = new DurableReader(key, resolved, this.#events, this, durable);
    void this.#reader.start(this.#since);
  }

  /**
   * Permits the subscription to read its channel: in the log with the epoch `life` only, or in any if that is
   * undefined.
   */
  permit(life: string | undefined): void {
    this.#life = life;
  }

  /** Stops the delivery without a message. It can begin again. */
  stop(): void {
    this.#stoppedAt = this.position;
    this.#reader?.leave();
    this.#reader = undefined;
    this.#isStarted = false;
  }

  ack({ id, position }: AckMessage): void {
    this.#answer(id, (reply) => this.#reader?.ack(position, reply));
  }

  nack({ id, position, reason }: NackMessage): void {
    this.#answer(id, (reply) => this.#reader?.nack(position, reason, reply));
  }

  /** Resolves once the subscription has started or failed; returns undefined if it has started already. */
  settled(): Promise<void> | undefined {
    if (this.#isAnswered) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  onStart({ position, recovered, reason, gap }: DurableStart): void {
    const unsent = gap !== undefined && reason !== undefined ? { ...gap, reason } : undefined;
    this.#unsent ??= unsent;
    if (!this.#mayRead(position)) return;
    this.#isStarted = true;
    this.#stoppedAt = undefined;
    const subscribed: Subscribed = {
      channel: this.channel,
      position: formatPosition(position),
      recovered,
      ...(reason === undefined ? {} : { reason }),
    };
    const { id } = this;
    if (id !== undefined && !this.#isAnswered) {
      const cursor = this.#subscriptions.cursor();
      this.#connection.send({ type: "reply", id, result: subscribed, ...cursor });
    }
    this.#isAnswered = true;
    const lost = this.#unsent;
    this.#unsent = undefined;
    if (lost !== undefined) this.#sendGap(lost.from, lost.to, lost.reason);
    this.#settle();
  }

  onFailed(error: unknown): void {
    if (this.#isAnswered) {
      this.stop();
      this.#subscriptions.reconsider(this);
      return;
    }
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
    if (this.#mayRead(to)) this.#sendGap(from, to, reason);
    else this.#unsent ??= { from, to, reason };
  }

  #sendGap(from: Position, to: Position, reason: GapReason): void {
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

  /**
   * Returns true if the client may read the log that has this position. Otherwise stops the delivery until it is
   * known who owns the operation now.
   */
  #mayRead({ epoch }: Position): boolean {
    if (this.#life === undefined || this.#life === epoch) return true;
    this.stop();
    this.#subscriptions.reconsider(this);
    return false;
  }

  #settle(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
