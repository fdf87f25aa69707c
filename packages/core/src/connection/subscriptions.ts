import {
  type AckMessage,
  formatPosition,
  MilepostError,
  type NackMessage,
  type Position,
  type SubscribeMessage,
  type UnsubscribeMessage,
} from "@milepost/protocol";
import { forbidden } from "../channels/channels.ts";
import { publisherOf, type UserPrincipal } from "../rules/principal.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { DurableSubscription } from "./durable-subscription.ts";
import { Subscription, type SubscriptionRequest } from "./subscription.ts";
import type { SubscriptionList, SubscriptionOwner } from "./subscription-owner.ts";
import type { SummaryBudget } from "./summary.ts";

type AnySubscription = Subscription | DurableSubscription;

const none: readonly AnySubscription[] = [];

/**
 * Subscriptions of one connection, and its positions in their channels.
 *
 * The subscriptions are in an array that is replaced, never changed. Most connections have one subscription,
 * and an array of one takes a fraction of the memory of a Map.
 */
export class Subscriptions implements SubscriptionList {
  readonly #connection: SubscriptionOwner;
  readonly #context: ConnectionContext;
  #list = none;
  #summaries: SummaryBudget | undefined;

  constructor(connection: SubscriptionOwner, context: ConnectionContext) {
    this.#connection = connection;
    this.#context = context;
  }

  /** Returns the budget that all summaries of this connection share. */
  summaryBudget(): SummaryBudget {
    const { wheel, limits } = this.#context;
    // Summaries may hold a quarter of the send queue's limit. A slow connection needs the rest for entries that
    // wait for its transport.
    this.#summaries ??= { wheel, maxBytes: limits.maxSendQueueBytes / 4, bytes: 0 };
    return this.#summaries;
  }

  get size(): number {
    return this.#list.length;
  }

  /** Starts a subscription that a message asked for, or refuses it. */
  onSubscribe(principal: UserPrincipal, message: SubscribeMessage): void {
    const { id, channel, since, events, presence, as, summary_ms: summaryMs } = message;
    if (as !== undefined && summaryMs !== undefined) {
      this.#connection.refuseUnsupported(id, "summary_ms of a durable subscriber");
      return;
    }
    if (as !== undefined && presence === true) {
      this.#connection.refuseUnsupported(id, "presence of a durable subscriber");
      return;
    }
    if (as !== undefined && principal.user === undefined && principal.session === undefined) {
      const error = "a durable subscription needs a token that names a user or a session";
      this.#connection.refuse(id, new MilepostError("forbidden", error));
      return;
    }
    this.start(principal, {
      id,
      channel,
      ...(since === undefined ? {} : { since }),
      ...(events === undefined ? {} : { events }),
      ...(presence === undefined ? {} : { presence }),
      ...(as === undefined ? {} : { as }),
      ...(summaryMs === undefined ? {} : { summaryMs }),
    });
  }

  start(principal: UserPrincipal, request: SubscriptionRequest): void {
    const { channel, id = null } = request;
    const { maxSubscriptions } = this.#context.limits;
    const known = this.#find(channel);
    if (known?.isEnded) this.#forgetEnded(known);
    else if (known !== undefined) {
      const error = new MilepostError(
        "already_subscribed",
        `this connection already subscribes to ${channel}; unsubscribe from it first`,
      );
      this.#connection.refuse(id, error);
      return;
    }
    if (this.size >= maxSubscriptions) {
      for (const other of this.#list) if (other.isEnded) this.#forgetEnded(other);
    }
    if (this.size >= maxSubscriptions) {
      const message = `a connection may have at most ${maxSubscriptions} subscriptions; unsubscribe from a channel first`;
      this.#connection.refuse(id, new MilepostError("too_many_subscriptions", message));
      return;
    }
    const { as } = request;
    const subscription =
      as === undefined
        ? new Subscription(this.#connection, this, request)
        : new DurableSubscription(this.#connection, this, request, as);
    this.#list = [...this.#list, subscription];
    this.#regroup();
    void this.#join(principal, subscription, request);
  }

  /**
   * Ends a subscription and replies. If the subscription is still starting, waits for that first, and returns a
   * promise that resolves after the reply.
   */
  onUnsubscribe({ id, channel }: UnsubscribeMessage): Promise<void> | undefined {
    const subscription = this.#find(channel);
    if (subscription === undefined) {
      const error = new MilepostError(
        "not_subscribed",
        `this connection does not subscribe to ${channel}; subscribe to it first`,
      );
      this.#connection.refuse(id, error);
      return undefined;
    }
    const settled = subscription.settled();
    if (settled !== undefined)
      return settled.then(() => this.onUnsubscribe({ type: "unsubscribe", id, channel }));
    subscription.leave();
    this.drop(subscription);
    this.#connection.send({ type: "reply", id, result: { channel } });
    return undefined;
  }

  /** Handles an ack or nack of a durable subscriber. */
  onAck(message: AckMessage | NackMessage): void {
    const subscription = this.#find(message.channel);
    if (subscription?.isDurable !== true) {
      const error = `no durable subscription to ${message.channel}; subscribe with "as"`;
      this.#connection.refuse(message.id ?? null, new MilepostError("not_subscribed", error));
    } else if (message.type === "ack") subscription.ack(message);
    else subscription.nack(message);
  }

  /**
   * Resolves once the subscription to a channel has started or failed; returns undefined if none is about to
   * start.
   */
  settled(channel: string): Promise<void> | undefined {
    return this.#find(channel)?.settled();
  }

  /** Removes a subscription that has ended. */
  drop(subscription: { readonly channel: string }): void {
    if (!this.#list.some((other) => other === subscription)) return;
    this.#list = this.#list.filter((other) => other !== subscription);
    this.#regroup();
  }

  /** Ends all subscriptions without a message to the client. */
  leaveAll(): void {
    const list = this.#list;
    this.#list = none;
    for (const subscription of list) subscription.leave("lingers");
  }

  /**
   * Resolves with the subscriptions that a principal may not have. Rejects if its permissions cannot be looked
   * up.
   */
  async forbiddenTo(principal: UserPrincipal): Promise<readonly AnySubscription[]> {
    const { channels } = this.#context;
    const list = this.#list.filter(({ isEnded }) => !isEnded);
    const permitted = await Promise.all(
      list.map(({ channel }) =>
        channels.permits(principal, channels.resolve(channel), "subscribe", this.#connection.id),
      ),
    );
    return list.filter((_, i) => permitted[i] === false);
  }

  /** Ends a subscription that is no longer allowed, and tells the client why. */
  forbid(subscription: AnySubscription): void {
    if (!this.#list.includes(subscription)) return;
    const { channel, position, id = null } = subscription;
    subscription.leave();
    this.drop(subscription);
    if (position === undefined) this.#connection.refuse(id, forbidden("subscribe", channel));
    else {
      const at = formatPosition(position);
      const message = {
        type: "unsubscribed",
        channel,
        position: at,
        reason: "forbidden",
      } as const;
      this.#connection.send({ ...message, ...this.cursor() });
    }
  }

  /** Returns the cursor of all channels as an `event_id` field; no field in dialects other than plain. */
  cursor(): { readonly event_id?: string } {
    if (this.#connection.encoder.dialect !== "plain") return {};
    const places = this.#positions(undefined);
    return places === "" ? {} : { event_id: places };
  }

  /** Returns a function that makes the cursor to send with a publication of one channel. */
  cursorOf(channel: string): (publication: { readonly position: Position }) => string {
    const others = this.#connection.encoder.dialect === "plain" ? this.#positions(channel) : "";
    const before = others === "" ? "" : `${others},`;
    return ({ position }) => `${before}${channel}@${formatPosition(position)}`;
  }

  /**
   * Removes a subscription whose channel has ended. Its entries that wait for a slow connection are still sent.
   */
  #forgetEnded(subscription: AnySubscription): void {
    if (!subscription.isDurable) this.#connection.sendQueue.settle(subscription);
    this.drop(subscription);
  }

  #find(channel: string): AnySubscription | undefined {
    return this.#list.find((subscription) => subscription.channel === channel);
  }

  async #join(
    principal: UserPrincipal,
    subscription: AnySubscription,
    { channel, since, presence }: SubscriptionRequest,
  ): Promise<void> {
    const { channels, hub, presences } = this.#context;
    try {
      const resolved = channels.resolve(channel);
      await channels.authorise(principal, resolved, "subscribe", this.#connection.id);
      if (subscription.isDurable) {
        if (!this.#list.includes(subscription)) return;
        subscription.begin(resolved, publisherOf(principal), since, this.#context.durable);
        return;
      }
      if (presence === true && this.#list.includes(subscription)) {
        const watcher = await presences.join(resolved, principal, this.#connection);
        if (this.#list.includes(subscription)) subscription.presence = watcher;
        else watcher.leave(this.#connection.isOpen ? "leaves" : "lingers");
      }
      if (this.#list.includes(subscription))
        subscription.hubSubscriber = hub.join(resolved, subscription, since);
    } catch (error) {
      if (this.#list.includes(subscription)) subscription.onFailed(error);
    }
  }

  /** Returns the positions in all channels except `but`, as a cursor. */
  #positions(but: string | undefined): string {
    let places = "";
    for (const { channel, position, isDurable } of this.#list) {
      // The gateway keeps the position of a durable subscriber.
      if (channel === but || isDurable || position === undefined) continue;
      places += `${places === "" ? "" : ","}${channel}@${formatPosition(position)}`;
    }
    return places;
  }

  /**
   * Regroups the hub subscribers of a plain-dialect connection. The connection can share encoded batches with
   * others only while it has one subscription.
   */
  #regroup(): void {
    if (this.#connection.encoder.dialect !== "plain" || this.size > 2) return;
    for (const { hubSubscriber } of this.#list) hubSubscriber?.regroup();
  }
}
