import {
  endEvent,
  formatPosition,
  type GapReason,
  type MessageId,
  type Position,
  type Publication,
  type Since,
  type Subscribed,
} from "@milepost/protocol";
import type { HubSubscriber } from "../hub/hub-subscriber.ts";
import type { Start } from "../hub/recovery.ts";
import type { Reset } from "../hub/reset.ts";
import type { SharedSubscriber, Subscriber } from "../hub/subscriber.ts";
import type { PresenceWatcher } from "../presence/presence-watcher.ts";
import type { SubscriptionList, SubscriptionOwner } from "./subscription-owner.ts";
import { Summary, type SummarySubscriber } from "./summary.ts";

/** Request of a connection for one subscription. */
export interface SubscriptionRequest {
  readonly channel: string;
  readonly since?: Since;
  readonly events?: readonly string[];
  /** True if the client joins the presence of the channel and receives who else is present. */
  readonly presence?: boolean;
  /** Name of the durable subscriber; undefined for an ordinary subscription. */
  readonly as?: string;
  /** Minimum time between two deliveries, in milliseconds. */
  readonly summaryMs?: number;
  /** Id of the subscribe message to reply to; undefined if the channel was requested at connect. */
  readonly id?: MessageId;
}

/** Subscription of one connection to one channel. */
export class Subscription implements Subscriber, SummarySubscriber {
  readonly channel: string;
  readonly id: MessageId | undefined;
  readonly #connection: SubscriptionOwner;
  readonly #subscriptions: SubscriptionList;
  readonly #events: ReadonlySet<string> | undefined;
  readonly #summary: Summary | undefined;
  /**
   * Position of the client in the channel where `hubSubscriber` does not have it: before the start, after the
   * channel's end, and with an event filter.
   */
  #position: Position | undefined;
  #started = false;
  #ended = false;
  #waiters: (() => void)[] | undefined;
  hubSubscriber: HubSubscriber | undefined;
  presence: PresenceWatcher | undefined;

  constructor(
    connection: SubscriptionOwner,
    subscriptions: SubscriptionList,
    { channel, since, events, summaryMs, id }: SubscriptionRequest,
  ) {
    this.#connection = connection;
    this.#subscriptions = subscriptions;
    this.channel = channel;
    this.id = id;
    this.#events = events === undefined ? undefined : new Set(events);
    this.#summary =
      summaryMs === undefined
        ? undefined
        : new Summary(this, summaryMs, subscriptions.summaryBudget());
    this.#position = typeof since === "object" && "epoch" in since ? since : undefined;
  }

  get isDurable(): false {
    return false;
  }

  /**
   * Position up to which the channel's entries were sent to the client. Undefined before the start, unless the
   * client resumes from a position.
   */
  get position(): Position | undefined {
    const waitsAfter = this.#connection.sendQueue.sentUpTo(this) ?? this.#summary?.sentUpTo;
    if (waitsAfter !== undefined) return waitsAfter;
    if (this.#ended) return this.#position;
    return this.#started && this.#events === undefined
      ? this.hubSubscriber?.position
      : this.#position;
  }

  /** True once the channel has ended: nothing follows, and only the position is kept. */
  get isEnded(): boolean {
    return this.#ended;
  }

  get shared(): SharedSubscriber | undefined {
    const readsAll = this.#events === undefined && this.#summary === undefined;
    return readsAll && this.#connection.readsAlike ? this.#connection : undefined;
  }

  /** Resolves once the subscription has started or failed; returns undefined if it has started already. */
  settled(): Promise<void> | undefined {
    if (this.#started) return undefined;
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  onStart(start: Start): void {
    this.#started = true;
    this.#position = start.position;
    const { position, recovered, reason, state, gapFrom } = start;
    const subscribed: Subscribed = {
      channel: this.channel,
      position: formatPosition(position),
      recovered,
      ...(reason === undefined ? {} : { reason }),
      ...(state === undefined ? {} : { snapshot: state.snapshot }),
      ...(this.presence === undefined ? {} : { presence: this.presence.begin() }),
    };
    const cursor = this.#subscriptions.cursor();
    this.#connection.send(
      this.id === undefined
        ? { type: "subscribed", ...cursor, ...subscribed }
        : { type: "reply", id: this.id, result: subscribed, ...cursor },
    );
    if (gapFrom !== undefined && reason !== undefined) this.#sendGap(gapFrom, position, reason);
    this.#settle();
  }

  onFailed(error: unknown): void {
    this.presence?.leave("leaves");
    this.#subscriptions.drop(this);
    this.#connection.refuse(this.id ?? null, error);
    this.#settle();
  }

  onPublications(publications: readonly Publication[], before: Position): void {
    const events = this.#events;
    const wanted =
      events === undefined
        ? publications
        : publications.filter(({ event }) => events.has(event) || event === endEvent);
    const last = wanted.at(-1);
    if (last === undefined) return;
    // With an event filter, the entry right before this batch may not have been delivered, so the batch follows
    // the last delivered entry.
    const from = events === undefined ? before : (this.#position ?? before);
    this.#position = last.position;
    const rule = this.hubSubscriber?.resolved.rule;
    if (this.#summary !== undefined && rule !== undefined) this.#summary.take(wanted, from, rule);
    else this.deliver(wanted, from);
  }

  deliver(publications: readonly Publication[], before: Position): void {
    const { sendQueue } = this.#connection;
    const { hubSubscriber } = this;
    if (sendQueue.isHolding && hubSubscriber !== undefined)
      sendQueue.hold(this, hubSubscriber.resolved.rule, publications, before);
    else sendQueue.push(this.encode(publications));
  }

  encode(publications: readonly Publication[]): Uint8Array {
    const cursorOf = this.#subscriptions.cursorOf(this.channel);
    return this.#connection.encoder.encodeBatch(publications, cursorOf);
  }

  onMerged(count: number): void {
    this.#connection.onMerged(count);
  }

  onGap(from: Position, to: Position, reason: GapReason): void {
    this.#settleEntries();
    this.#position = to;
    this.#sendGap(from, to, reason);
  }

  onReset(reset: Reset): void {
    const { encoder, sendQueue } = this.#connection;
    this.#settleEntries();
    this.#position = reset.state.position;
    sendQueue.push(reset.encode(encoder, this.#subscriptions.cursor().event_id));
  }

  onEnd({ position }: Publication): void {
    this.#summary?.settle();
    this.#summary?.close();
    this.#ended = true;
    this.#position = position;
    this.hubSubscriber = undefined;
    this.presence?.leave("leaves");
    this.presence = undefined;
  }

  drained(): Promise<void> | undefined {
    return this.#connection.sendQueue.drained();
  }

  /**
   * Ends the subscription without a message to the client. With `lingers`, for a lost connection, the client's
   * member stays present in the channel for a while.
   */
  leave(going: "leaves" | "lingers" = "leaves"): void {
    this.hubSubscriber?.leave();
    this.presence?.leave(going);
    this.#summary?.close();
    this.#connection.sendQueue.drop(this);
    this.#settle();
  }

  /** Sends the waiting entries, so that the next message comes after them. */
  #settleEntries(): void {
    this.#summary?.settle();
    this.#connection.sendQueue.settle(this);
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

  #settle(): void {
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const resolve of waiters ?? []) resolve();
  }
}
