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

/** What a connection asked for in one subscription. */
export interface SubscriptionRequest {
  readonly channel: string;
  readonly since?: Since;
  readonly events?: readonly string[];
  /** Whether to be present, and to see who else is. */
  readonly presence?: boolean;
  /** The name of the durable subscriber it is for. */
  readonly as?: string;
  /** At most one delivery per so many milliseconds. */
  readonly summaryMs?: number;
  /** The message to reply to; undefined when the connect itself asked. */
  readonly id?: MessageId;
}

/** A connection on a channel. */
export class Subscription implements Subscriber, SummarySubscriber {
  readonly channel: string;
  readonly id: MessageId | undefined;
  readonly #connection: SubscriptionOwner;
  readonly #subscriptions: SubscriptionList;
  readonly #events: ReadonlySet<string> | undefined;
  readonly #summary: Summary | undefined;
  /** Where its reader is while the channel does not say: before the start, and where events are filtered. */
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

  /** Where the client is in the channel; undefined while it holds nothing of it. */
  get position(): Position | undefined {
    const waitsAfter = this.#connection.sendQueue.sentUpTo(this) ?? this.#summary?.sentUpTo;
    if (waitsAfter !== undefined) return waitsAfter;
    if (this.#ended) return this.#position;
    return this.#started && this.#events === undefined
      ? this.hubSubscriber?.position
      : this.#position;
  }

  /** Whether its channel has ended: nothing follows, and only its place is remembered. */
  get isEnded(): boolean {
    return this.#ended;
  }

  get shared(): SharedSubscriber | undefined {
    const readsAll = this.#events === undefined && this.#summary === undefined;
    return readsAll && this.#connection.readsAlike ? this.#connection : undefined;
  }

  /** Resolves when it has started or failed; undefined when it has. */
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
    // Where events are filtered it was never given what lies right before.
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

  /** Ends it silently; who lost its connection stays present for a while. */
  leave(going: "leaves" | "lingers" = "leaves"): void {
    this.hubSubscriber?.leave();
    this.presence?.leave(going);
    this.#summary?.close();
    this.#connection.sendQueue.drop(this);
    this.#settle();
  }

  /** Sends the entries that wait, so that what is sent next comes after them. */
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
