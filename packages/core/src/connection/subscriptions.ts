import {
  type AckMessage,
  formatPosition,
  MilepostError,
  type NackMessage,
  type Position,
  type SubscribeMessage,
  type UnsubscribeMessage,
} from "@milepost/protocol";
import { type Channels, forbidden, type ReadAccess } from "../channels/channels.ts";
import type { JoinedChannel } from "../dialects/literal-message.ts";
import { operationChannel } from "../operations/operation-log.ts";
import { requireOffered } from "../presence/presences.ts";
import { type Principal, personOf, publisherOf } from "../rules/principal.ts";
import type { Rule } from "../rules/rule.ts";
import { ownAccess } from "../rules/rule-access.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { DurableSubscription } from "./durable-subscription.ts";
import { placesAfter } from "./publisher-event.ts";
import { isFinal, Subscription, type SubscriptionRequest } from "./subscription.ts";
import type { SubscriptionList, SubscriptionOwner } from "./subscription-owner.ts";
import type { SummaryBudget } from "./summary.ts";
import { enterToType, watchTyping } from "./watch-typing.ts";

type AnySubscription = Subscription | DurableSubscription;
type Channelled = Pick<AnySubscription, "channel">;

const retryMs = 1_000;

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
  /** Subscriptions that are decided again when their operation changes its owner, with the operation's id. */
  #watched: Map<AnySubscription, string> | undefined;
  /** Latest decision of each subscription that is being decided; undefined when none is. */
  #decisions: Map<AnySubscription, object> | undefined;

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

  /**
   * Time after which the connection is closed because its client did nothing, in milliseconds: the longest of its
   * channels' rules, and infinite if one has none. Without a subscription, the node's limit applies.
   */
  get idleTimeoutMs(): number {
    const { channels, limits } = this.#context;
    let longest = 0;
    for (const subscription of this.#list) {
      if (subscription.isEnded) continue;
      const { idleTimeoutMs } = ruleOf(subscription, channels);
      longest = Math.max(longest, idleTimeoutMs ?? Number.POSITIVE_INFINITY);
    }
    return longest === 0 ? limits.inactivityTimeoutMs : longest;
  }

  /** Starts a subscription that a message asked for, or refuses it. */
  onSubscribe(principal: Principal, message: SubscribeMessage): void {
    const { id, channel, since, events, presence, as, summary_ms: summaryMs } = message;
    if (as !== undefined && summaryMs !== undefined) {
      this.#connection.refuseUnsupported(id, "summary_ms of a durable subscriber");
      return;
    }
    if (as !== undefined && presence === true) {
      this.#connection.refuseUnsupported(id, "presence of a durable subscriber");
      return;
    }
    const { user, session } = personOf(principal);
    const isNamed = principal.kind === "service" || user !== undefined || session !== undefined;
    if (as !== undefined && !isNamed) {
      const error = "a durable subscription needs a token that names a user or a session";
      this.#connection.refuse(id, new MilepostError("forbidden", error));
      return;
    }
    this.start({
      id,
      channel,
      ...(since === undefined ? {} : { since }),
      ...(events === undefined ? {} : { events }),
      ...(presence === undefined ? {} : { presence }),
      ...(as === undefined ? {} : { as }),
      ...(summaryMs === undefined ? {} : { summaryMs }),
    });
  }

  startAll(requests: readonly SubscriptionRequest[]): void {
    for (const request of requests) this.start(request);
  }

  /** Starts subscriptions right after the event that has the publisher's own id `eventId`. */
  async startAfter(
    eventId: string,
    requests: readonly SubscriptionRequest[],
    principal: Principal,
  ): Promise<void> {
    const channels = requests.map(({ channel }) => channel);
    const places = await placesAfter(channels, eventId, principal, this.#context.channels);
    if (!this.#connection.isOpen) return;
    for (const request of requests) {
      const since = request.since ?? places.get(request.channel);
      this.start(since === undefined ? request : { ...request, since });
    }
  }

  start(wanted: SubscriptionRequest): void {
    let request = wanted;
    const { channel, id = null } = request;
    const { maxSubscriptions } = this.#context.limits;
    const known = this.#find(channel);
    if (known?.isEnded) this.#forgetEnded(known);
    else if (known !== undefined && request.isAutomatic === true) return;
    else if (known?.isDurable === false && known.isAutomatic) {
      request = this.#replace(known, request);
    } else if (known !== undefined) {
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
    if (!this.#joinAtOnce(subscription)) void this.#join(subscription);
  }

  /**
   * Ends a subscription that the gateway made, for one of the client to the same channel. Returns the request with the
   * position of the old one if the client names none and the channel has no state that it could start with.
   */
  #replace(known: Subscription, request: SubscriptionRequest): SubscriptionRequest {
    this.#connection.sendQueue.settle(known);
    const { position } = known;
    known.leave();
    this.drop(known);
    const { projection } = this.#context.channels.resolve(request.channel).rule;
    const continues = request.since === undefined && request.as === undefined;
    if (!continues || projection !== undefined || position === undefined) return request;
    return { ...request, since: position };
  }

  async decide(subscription: Channelled): Promise<void> {
    const own = this.#own(subscription);
    if (own !== undefined) await this.#join(own);
  }

  reconsider(subscription: Channelled): void {
    const own = this.#own(subscription);
    if (own !== undefined) void this.#untilDecided(own);
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

  /** Returns the channels that the client subscribes to, as the translators of literal messages see them. */
  joined(): readonly JoinedChannel[] {
    const { channels } = this.#context;
    return this.#list
      .filter(({ isEnded }) => !isEnded)
      .map(({ channel }) => ({
        channel,
        isChat: channels.resolve(channel).rule.projection?.name === "chat",
      }));
  }

  has(channel: string): boolean {
    return this.#find(channel) !== undefined;
  }

  /**
   * Makes the client's member present in a chat, if it only receives who types. Does nothing where it may not be present.
   */
  enter(channel: string): void {
    const subscription = this.#find(channel);
    const { principal } = this.#connection;
    if (principal === undefined || subscription === undefined || subscription.isDurable) return;
    enterToType(subscription, principal, this.#connection, this.#context);
  }

  /**
   * Resolves once the subscription to a channel has started or failed; returns undefined if none is about to
   * start.
   */
  settled(channel: string): Promise<void> | undefined {
    return this.#find(channel)?.settled();
  }

  /** Removes a subscription that has ended. */
  drop(subscription: Channelled): void {
    const own = this.#own(subscription);
    if (own === undefined) return;
    this.#list = this.#list.filter((other) => other !== own);
    this.#unwatch(own);
    this.#regroup();
  }

  /** Ends all subscriptions without a message to the client. */
  leaveAll(): void {
    const list = this.#list;
    this.#list = none;
    for (const subscription of list) {
      this.#unwatch(subscription);
      subscription.leave("lingers");
    }
  }

  /**
   * Looks up what a principal may read. Resolves with a function that ends the subscriptions that the principal
   * may not have, and decides those again that depend on an operation. Rejects if its permissions cannot be
   * looked up.
   */
  async review(principal: Principal): Promise<() => void> {
    const { channels } = this.#context;
    const list = this.#list.filter(({ isEnded }) => !isEnded);
    const decided = await Promise.all(
      list.map(async (subscription) => {
        const resolved = channels.resolve(subscription.channel);
        const { id } = this.#connection;
        const access = await channels.readAccess(principal, resolved, id);
        const presence = ownAccess(resolved.rule, "presence");
        const history = ownAccess(resolved.rule, "history");
        const isPresent = !subscription.isDurable && subscription.presence !== undefined;
        const loses =
          isPresent &&
          presence !== undefined &&
          !(await channels.permits(principal, resolved, "presence", id));
        const withheld =
          history !== undefined && !(await channels.permits(principal, resolved, "history", id));
        return { subscription, resolved, access, loses, withheld };
      }),
    );
    return () => {
      for (const { subscription, resolved, access, loses, withheld } of decided) {
        if (!this.#list.includes(subscription)) continue;
        const isAsked = !subscription.isDurable && subscription.wantsPresence;
        if (access.kind === "refused" || (loses && isAsked)) {
          this.#forbid(subscription);
          continue;
        }
        if (loses && !subscription.isDurable) {
          subscription.presence?.leave("leaves");
          subscription.presence = undefined;
        }
        if (!subscription.isDurable) subscription.withhold(withheld);
        // A look-up that is under way is for the permissions before, so its result must not count.
        const isStarting = !subscription.isDurable && !subscription.isAnswered;
        if (access.kind !== "unowned" && !subscription.isPending && !isStarting) {
          subscription.permit(lifeOf(resolved, access));
          continue;
        }
        const isCut = access.kind === "unowned" && !subscription.isDurable && !isStarting;
        if (isCut) subscription.wait();
        else subscription.stop();
        this.reconsider(subscription);
      }
    };
  }

  /** Ends a subscription that is no longer allowed, and tells the client why. */
  #forbid(subscription: AnySubscription): void {
    const { channel, position, id = null } = subscription;
    subscription.leave();
    this.drop(subscription);
    if (position === undefined || !subscription.isAnswered) {
      this.#connection.refuse(id, forbidden("subscribe", channel));
      return;
    }
    const at = formatPosition(position);
    const message = { type: "unsubscribed", channel, position: at, reason: "forbidden" } as const;
    this.#connection.send({ ...message, ...this.cursor() });
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

  #own(subscription: Channelled): AnySubscription | undefined {
    return this.#list.find((other) => other === subscription);
  }

  #find(channel: string): AnySubscription | undefined {
    return this.#list.find((subscription) => subscription.channel === channel);
  }

  /**
   * Joins the channel of a new subscription that the client may read without a look-up, as most do. Returns false for any
   * other, which {@link #join} must decide.
   */
  #joinAtOnce(subscription: AnySubscription): boolean {
    if (subscription.isDurable || subscription.wantsPresence) return false;
    const { channels, hub } = this.#context;
    const { principal, id } = this.#connection;
    if (principal === undefined) return false;
    try {
      const resolved = channels.resolve(subscription.channel);
      if (isNarrowing(resolved) || !channels.mayReadAtOnce(principal, resolved, id)) return false;
      watchTyping(subscription, resolved, principal, this.#connection, this.#context);
      subscription.hubSubscriber = hub.join(resolved, subscription, subscription.since);
      return true;
    } catch {
      // The decision that follows fails in the same way, and answers the client.
      return false;
    }
  }

  /**
   * Decides whether the client may read the channel, and joins the channel if so. Rejects if that cannot be
   * looked up for a subscription that the client already has.
   */
  async #join(subscription: AnySubscription): Promise<void> {
    const { channels, durable } = this.#context;
    const decision = {};
    this.#decisions ??= new Map();
    this.#decisions.set(subscription, decision);
    // A later decision about the same subscription knows more.
    const isLatest = () =>
      this.#list.includes(subscription) && this.#decisions?.get(subscription) === decision;
    try {
      const resolved = channels.resolve(subscription.channel);
      const { principal, access } = await this.#accessTo(subscription, resolved);
      if (!isLatest()) return;
      if (access.kind === "unowned" && !subscription.isDurable) {
        if (subscription.wantsPresence) requireOffered(resolved);
        subscription.wait();
        return;
      }
      if (access.kind === "refused" || access.kind === "unowned") {
        throw forbidden("subscribe", subscription.channel);
      }
      subscription.permit(lifeOf(resolved, access));
      const narrowed = this.#narrow(subscription, resolved, principal);
      if (narrowed !== undefined) {
        await narrowed;
        if (!isLatest()) return;
      }
      if (subscription.isDurable) subscription.begin(resolved, publisherOf(principal), durable);
      else await this.#read(subscription, resolved, principal, isLatest);
    } catch (error) {
      if (!isLatest()) return;
      if (!subscription.isAnswered) subscription.onFailed(error);
      else if (isFinal(error)) this.#forbid(subscription);
      else throw error;
    } finally {
      if (this.#decisions?.get(subscription) === decision) this.#decisions.delete(subscription);
      // An empty map would take 190 bytes of each connection.
      if (this.#decisions?.size === 0) this.#decisions = undefined;
      if (!this.#list.includes(subscription)) this.#unwatch(subscription);
    }
  }

  /**
   * Applies the rule's own access to presence and history. Returns a promise only where the rule has one. The
   * promise rejects with `forbidden` if the client asked for something that it may not have.
   */
  #narrow(
    subscription: AnySubscription,
    resolved: ResolvedChannel,
    principal: Principal,
  ): Promise<void> | undefined {
    return isNarrowing(resolved) ? this.#narrowBy(subscription, resolved, principal) : undefined;
  }

  async #narrowBy(
    subscription: AnySubscription,
    resolved: ResolvedChannel,
    principal: Principal,
  ): Promise<void> {
    const { channels } = this.#context;
    const { id } = this.#connection;
    if (!subscription.isDurable && subscription.wantsPresence) {
      await channels.authorise(principal, resolved, "presence", id);
    }
    if (await channels.permits(principal, resolved, "history", id)) {
      if (!subscription.isDurable) subscription.withhold(false);
      return;
    }
    const { since } = subscription;
    const isFromPosition = typeof since === "object" && "epoch" in since;
    if (since !== undefined && since !== "now" && (subscription.isDurable || !isFromPosition)) {
      throw forbidden("history", subscription.channel);
    }
    if (subscription.isDurable) return;
    subscription.withhold(true);
    const resumed = subscription.since;
    // A position that cannot be continued would begin with the oldest entry.
    if (typeof resumed === "object" && "epoch" in resumed) {
      subscription.withhold((await channels.breakAt(resolved, resumed)) ?? true);
    }
  }

  /** Joins the channel of a subscription that may read it, unless it does so already. */
  async #read(
    subscription: Subscription,
    resolved: ResolvedChannel,
    principal: Principal,
    isLatest: () => boolean,
  ): Promise<void> {
    const { hub, presences } = this.#context;
    if (subscription.wantsPresence && subscription.presence === undefined) {
      const watcher = await presences.join(resolved, principal, this.#connection);
      if (!isLatest()) {
        watcher.leave(this.#connection.isOpen ? "leaves" : "lingers");
        return;
      }
      subscription.presence = watcher;
    }
    watchTyping(subscription, resolved, principal, this.#connection, this.#context);
    const operationId = this.#watched?.get(subscription);
    if (operationId !== undefined && resolved.name === operationChannel(operationId)) {
      this.#unwatch(subscription);
    }
    if (subscription.hubSubscriber === undefined) {
      subscription.hubSubscriber = hub.join(resolved, subscription, subscription.since);
    }
  }

  /**
   * Looks up whether the client may read a channel. A subscription that an operation decides is watched before
   * the look-up that counts, so that no later change is missed.
   */
  async #accessTo(
    subscription: AnySubscription,
    resolved: ResolvedChannel,
  ): Promise<{ readonly principal: Principal; readonly access: ReadAccess }> {
    const { channels, ownership } = this.#context;
    const look = async () => {
      const { principal, id } = this.#connection;
      if (principal === undefined) throw forbidden("subscribe", resolved.name);
      return { principal, access: await channels.readAccess(principal, resolved, id) };
    };
    const known = this.#watched?.get(subscription);
    if (known !== undefined) {
      if (!subscription.isDurable) await ownership.watch(known, subscription);
      return look();
    }
    const found = await look();
    const { access } = found;
    if (subscription.isDurable || !this.#list.includes(subscription)) return found;
    if (access.kind === "allowed" || access.kind === "refused") return found;
    // The channel of an operation itself tells of another life of the operation.
    if (lifeOf(resolved, access) !== undefined) return found;
    const { operationId } = access;
    this.#watched ??= new Map();
    this.#watched.set(subscription, operationId);
    try {
      await ownership.watch(operationId, subscription);
    } catch (error) {
      this.#watched.delete(subscription);
      throw error;
    }
    return look();
  }

  #unwatch(subscription: AnySubscription): void {
    const operationId = this.#watched?.get(subscription);
    if (operationId === undefined || subscription.isDurable) return;
    this.#watched?.delete(subscription);
    this.#context.ownership.unwatch(operationId, subscription);
  }

  async #untilDecided(subscription: AnySubscription): Promise<void> {
    const { wheel, errorLog } = this.#context;
    while (this.#list.includes(subscription)) {
      try {
        await this.#join(subscription);
        return;
      } catch (error) {
        errorLog.report(error);
        await wheel.pause(retryMs);
      }
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

/** Returns the rule of a subscription's channel, which a subscription that has joined it knows. */
function ruleOf(subscription: AnySubscription, channels: Pick<Channels, "resolve">): Rule {
  const joined = subscription.isDurable ? undefined : subscription.hubSubscriber;
  return (joined?.resolved ?? channels.resolve(subscription.channel)).rule;
}

/** True if the rule of a channel has an access of its own to presence or history. */
function isNarrowing({ rule }: ResolvedChannel): boolean {
  return ownAccess(rule, "presence") !== undefined || ownAccess(rule, "history") !== undefined;
}

/** Returns the epoch that an owner may read, if the channel is that of the operation itself. */
function lifeOf({ name }: ResolvedChannel, access: ReadAccess): string | undefined {
  if (access.kind !== "owned") return undefined;
  return name === operationChannel(access.operationId) ? access.life : undefined;
}
