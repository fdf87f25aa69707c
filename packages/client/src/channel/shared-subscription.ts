import {
  type GapReason,
  isRecord,
  MilepostError,
  readPosition,
  type Snapshot,
  type Subscribed,
} from "@milepost/protocol";
import type { Cancel } from "../runtime/clock.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import type { SinceOption } from "./channel.ts";
import { type Arrival, type ChannelSubscriber, isUpTo } from "./channel-subscriber.ts";
import { finestSummary, sameSince, unionOfFilters } from "./combined-options.ts";
import { readPresence, readSubscribed } from "./read-subscribed.ts";
import type { SubscriptionLink } from "./subscription-link.ts";

/**
 * Pending subscribe request. `joiners` are the subscribers that start with its answer; the list is empty when
 * the request resumes an interrupted subscription.
 */
interface Ask {
  readonly since: SinceOption | undefined;
  readonly joiners: readonly ChannelSubscriber[];
  readonly presence: boolean;
}

/**
 * The one subscription that all subscribers of a channel share at the gateway.
 *
 * The gateway allows one subscription per channel and connection, and each subscriber may start at a different
 * position. When a subscriber joins, the client therefore subscribes again from that subscriber's start. The
 * other subscribers drop entries that they already received. If the answer starts after a subscriber's position
 * (a snapshot at the head), the client subscribes once more from that position. {@link reconcile} sends every
 * subscribe, one at a time.
 */
export class SharedSubscription {
  readonly name: string;
  readonly subscribers = new Set<ChannelSubscriber>();
  readonly #link: SubscriptionLink;
  #ask: Ask | undefined;
  /** Answered request whose subscription waits at the gateway for its operation. */
  #pending: Ask | undefined;
  #live = false;
  /** True while the gateway has, or may have, a subscription of this connection to the channel. */
  #subscribed = false;
  /** Cancels the wait before the next attempt after a retryable refusal. */
  #waiting: Cancel | undefined;
  #failures = 0;
  /**
   * True once a repeated request did not bring missing entries. Further holes on this connection are then
   * reported as gaps at once, without another request.
   */
  #healsInVain = false;
  #position: string | undefined;
  /** Event names in the current filter; undefined means all events. */
  #filter: ReadonlySet<string> | undefined;
  /** True when the last subscribe asked for presence. */
  #presence = false;
  /** Summary period of the last subscribe, in milliseconds; 0 means none. */
  #summaryMs = 0;
  /**
   * True if the channel has a projection, so that a subscribe without `since` returns a snapshot. Undefined
   * until such a subscribe is answered.
   */
  #hasState: boolean | undefined;

  constructor(name: string, link: SubscriptionLink) {
    this.name = name;
    this.#link = link;
  }

  /**
   * Brings the subscription at the gateway in line with what the subscribers need; sends at most one subscribe.
   */
  reconcile(): void {
    if (!this.#link.isUp) return;
    if (this.subscribers.size === 0) {
      if (this.#subscribed) this.#link.unsubscribe(this.name);
      this.#subscribed = false;
      this.#live = false;
      this.#pending = undefined;
      // No subscriber is left that needs the answer to a pending subscribe.
      this.#ask = undefined;
      this.#link.idle(this.name);
      return;
    }
    if (this.#ask !== undefined || this.#waiting !== undefined) return;
    if (this.#pending !== undefined) {
      // Later subscribers join when the subscription has become live.
      for (const subscriber of this.subscribers) subscriber.wait();
      return;
    }
    const anchored = [...this.subscribers].filter((subscriber) => !subscriber.joining);
    const lagging = anchored.some((subscriber) => subscriber.behind);
    const asksOther = this.#wantsPresence() !== this.#presence;
    if (anchored.length > 0 && (lagging || asksOther || !this.#live)) {
      this.#resume(anchored);
      return;
    }
    const joining = [...this.subscribers].filter((subscriber) => subscriber.joining);
    // A subscriber that needs a snapshot goes first. A subscriber that starts at the head can then join without
    // its own subscribe.
    const first = joining.find(({ options }) => options.since === undefined) ?? joining[0];
    if (first === undefined) return;
    if (this.#joinHere(first)) {
      this.reconcile();
      return;
    }
    const { since } = first.options;
    const alike = joining.filter((other) => sameSince(other.options.since, since));
    this.#send(since, alike);
  }

  down(): void {
    this.#ask = undefined;
    this.#pending = undefined;
    this.#live = false;
    this.#subscribed = false;
    this.#healsInVain = false;
    this.#waiting?.();
    this.#waiting = undefined;
    for (const subscriber of this.subscribers) subscriber.interrupt();
  }

  /** Takes a message of the gateway about the channel. */
  take(message: RawMessage): void {
    switch (message.type) {
      case "event":
      case "end":
        this.#onEvent(message);
        break;
      case "gap":
        this.#onGap(message);
        break;
      case "reset":
        this.#onReset(message);
        break;
      case "subscribed":
        this.#onSubscribed(message);
        break;
      case "presence":
        this.#onPresence(message);
        break;
      case "unsubscribed":
        this.#onUnsubscribed(message);
        break;
    }
  }

  /** Delivers an event or the end of the stream. Both are delivered in order: missing entries come first. */
  #onEvent(message: RawMessage): void {
    const position = readPosition(message.position);
    const end = message.type === "end" ? String(message.reason) : undefined;
    const name = end === undefined ? message.event : message.type;
    if (position === undefined || typeof name !== "string") return;
    const text = message.position as string;
    if (this.#ask === undefined) {
      this.#position = text;
      if (end !== undefined) this.#live = false;
    }
    const arrival: Arrival = {
      event: {
        channel: this.name,
        ...(typeof message.source === "string" && { source: message.source }),
        position: text,
        event: name,
        data: message.data,
        ts: typeof message.ts === "number" ? message.ts : 0,
        ...(typeof message.sig === "string" && { sig: message.sig }),
        ...(typeof message.publisher === "string" && { publisher: message.publisher }),
        ...(typeof message.traceparent === "string" && { traceparent: message.traceparent }),
      },
      position,
      since: readPosition(message.since),
      end,
    };
    for (const subscriber of this.subscribers) {
      const isOut =
        subscriber.joining || subscriber.behind || (subscriber.readsNothing && end === undefined);
      if (!isOut) this.#deliver(subscriber, arrival, text);
    }
  }

  /**
   * Takes the news that the subscription waits for its operation, or that it waits no more. Ignored while a
   * subscribe has no answer, since its answer decides.
   */
  #onSubscribed(message: RawMessage): void {
    if (this.#ask !== undefined) return;
    const since = this.#position;
    const ask = this.#pending ?? { since, joiners: [], presence: this.#presence };
    this.#answered(ask, readSubscribed(this.name, message));
  }

  #onPresence(message: RawMessage): void {
    const news = readPresence(message);
    if (news !== undefined) for (const subscriber of this.subscribers) subscriber.presence(news);
  }

  #onGap(message: RawMessage): void {
    const to = readPosition(message.to);
    if (to === undefined) return;
    const reason = message.reason as GapReason;
    this.#position = message.to as string;
    for (const subscriber of this.subscribers) {
      if (subscriber.joining || subscriber.behind || subscriber.readsNothing) continue;
      if (subscriber.fresh) subscriber.gap(String(message.from), message.to as string, reason);
      else if (!subscriber.isBeyond(to, reason))
        subscriber.gap(undefined, message.to as string, reason);
    }
  }

  #onReset(message: RawMessage): void {
    const position = readPosition(message.position);
    if (position === undefined || !isRecord(message.snapshot)) return;
    const reason = message.reason as GapReason;
    this.#position = message.position as string;
    for (const subscriber of this.subscribers) {
      if (subscriber.joining || subscriber.readsNothing || subscriber.isBeyond(position, reason))
        continue;
      subscriber.reset(message.position as string, message.snapshot as unknown as Snapshot, reason);
    }
  }

  /**
   * Fails all subscribers, because the gateway ended the subscription (not the stream). Ignored while a
   * subscribe is pending, since its answer decides.
   */
  #onUnsubscribed({ reason }: RawMessage): void {
    if (this.#ask !== undefined) return;
    const message = `the gateway ended the subscription to ${this.name}`;
    const error = MilepostError.from({ code: String(reason), message, retryable: false });
    const subscribers = [...this.subscribers];
    this.subscribers.clear();
    this.#live = false;
    for (const subscriber of subscribers) subscriber.fail(error);
    this.reconcile();
  }

  #deliver(subscriber: ChannelSubscriber, arrival: Arrival, text: string): void {
    const { announced, healing } = subscriber;
    const fit = subscriber.readsNothing
      ? "next"
      : subscriber.fit(arrival, this.#filter !== undefined);
    if (fit === "known" && arrival.end === undefined) return;
    if (fit === "missing") {
      this.#healsInVain ||= healing;
      if (announced === undefined && !this.#healsInVain) {
        // The entries may have been lost on the way. The client requests them once more: the gateway sends
        // them, or a gap with the reason.
        subscriber.healing = true;
        subscriber.behind = true;
        this.reconcile();
        return;
      }
    }
    if (fit !== "known" && fit !== "next") {
      subscriber.gap(undefined, text, announced ?? fit, false);
    }
    subscriber.take(arrival);
  }

  /**
   * Starts a subscriber at the current position without sending a subscribe, if its options allow that. Returns
   * true if the subscriber started.
   */
  #joinHere(subscriber: ChannelSubscriber): boolean {
    const { since, events, summaryMs = 0 } = subscriber.options;
    const here = since === "now" || (since === undefined && this.#hasState === false);
    const covered =
      this.#filter === undefined || (events?.every((name) => this.#filter?.has(name)) ?? false);
    // The presence list arrives only with an answer, so a new presence subscriber needs one.
    const lacks = subscriber.options.presence && !subscriber.isInformed;
    const isFine = this.#summaryMs <= summaryMs;
    if (!this.#live || !here || !covered || !isFine || lacks) return false;
    if (this.#position === undefined) return false;
    subscriber.start({ channel: this.name, position: this.#position, recovered: false });
    return true;
  }

  /**
   * Subscribes again from the lowest position of the subscribers. Subscribers with a higher position drop the
   * entries that they already received.
   */
  #resume(anchored: readonly ChannelSubscriber[]): void {
    const reading = anchored.filter((subscriber) => !subscriber.readsNothing);
    let [least] = reading;
    for (const subscriber of reading) {
      if (isUpTo(subscriber.anchor, least?.anchor)) least = subscriber;
    }
    this.#send(least === undefined ? "now" : least.position, []);
  }

  #wantsPresence(): boolean {
    return [...this.subscribers].some(({ options }) => options.presence);
  }

  #send(since: SinceOption | undefined, joiners: readonly ChannelSubscriber[]): void {
    if (this.#subscribed) this.#link.unsubscribe(this.name);
    const presence = this.#wantsPresence();
    const ask: Ask = { since, joiners, presence };
    this.#ask = ask;
    this.#presence = presence;
    this.#live = false;
    this.#subscribed = true;
    this.#filter = unionOfFilters(this.subscribers);
    const events = this.#filter === undefined ? undefined : [...this.#filter];
    this.#summaryMs = finestSummary(this.subscribers);
    const summaryMs = this.#summaryMs || undefined;
    this.#link.subscribe(
      this.name,
      since,
      { events, presence, summaryMs },
      {
        resolve: (result) => {
          if (this.#ask === ask) this.#answered(ask, readSubscribed(this.name, result));
        },
        reject: (error) => {
          if (this.#ask === ask) this.#refused(ask, error as MilepostError);
        },
      },
    );
  }

  #answered(ask: Ask, subscribed: Subscribed): void {
    this.#ask = undefined;
    this.#failures = 0;
    this.#live = !subscribed.pending;
    this.#pending = subscribed.pending && ask;
    if (subscribed.pending) {
      this.reconcile();
      return;
    }
    this.#position = subscribed.position;
    if (ask.since === undefined) this.#hasState = subscribed.snapshot !== undefined;
    const present = [...this.subscribers];
    for (const subscriber of present) {
      if (ask.joiners.includes(subscriber)) subscriber.start(subscribed);
      else if (subscriber.joining) continue;
      else if (ask.joiners.length > 0) this.#passed(subscriber, subscribed);
      else this.#continue(subscriber, subscribed);
    }
    const { presence } = subscribed;
    if (presence !== undefined) for (const subscriber of present) subscriber.presence(presence);
    this.reconcile();
  }

  /**
   * Updates a subscriber after the answer to another subscriber's request. It continues if the answer starts at
   * or before its position; otherwise it lacks entries and is marked as behind.
   */
  #passed(subscriber: ChannelSubscriber, { position }: Subscribed): void {
    const isContiguous = isUpTo(readPosition(position), subscriber.anchor);
    subscriber.fresh = false;
    subscriber.behind = !isContiguous && !subscriber.readsNothing;
  }

  #continue(subscriber: ChannelSubscriber, subscribed: Subscribed): void {
    const { recovered, snapshot, reason = "epoch_changed", position } = subscribed;
    const begins = readPosition(position);
    const isBeyond = begins !== undefined && subscriber.isBeyond(begins, reason);
    if (recovered || subscriber.readsNothing) subscriber.resumed();
    else if (snapshot === undefined) subscriber.resumed(reason);
    else if (isBeyond) subscriber.resumed();
    else subscriber.reset(position, snapshot, reason);
  }

  /** Returns the subscribers that fail when the gateway refuses the subscribe for good. */
  #concerned({ joiners, presence }: Ask, { code }: MilepostError): readonly ChannelSubscriber[] {
    const all = [...this.subscribers];
    // The channel exists but offers no presence, so subscribers that did not ask for presence continue.
    if (presence && code === "not_supported") return all.filter(({ options }) => options.presence);
    return joiners.length > 0 ? joiners : all.filter((subscriber) => !subscriber.joining);
  }

  #refused(ask: Ask, error: MilepostError): void {
    this.#ask = undefined;
    // A subscribe without a timely answer may have taken effect.
    this.#subscribed = error.code === "timed_out" || error.code === "already_subscribed";
    if (error.retryable || (error.code === "already_subscribed" && this.#failures === 0)) {
      this.#failures++;
      for (const subscriber of this.subscribers) subscriber.interrupt();
      this.#waiting = this.#link.retryLater(error, this.#failures, () => {
        this.#waiting = undefined;
        this.reconcile();
      });
      return;
    }
    const concerned = this.#concerned(ask, error);
    for (const subscriber of concerned) {
      this.subscribers.delete(subscriber);
      subscriber.fail(error);
    }
    this.reconcile();
  }
}
