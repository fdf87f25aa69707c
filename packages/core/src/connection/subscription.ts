import {
  endEvent,
  formatPosition,
  type GapReason,
  type MessageId,
  MilepostError,
  origin,
  type Position,
  type Publication,
  pendingPosition,
  type Since,
  type Subscribed,
} from "@milepost/protocol";
import type { HubSubscriber } from "../hub/hub-subscriber.ts";
import type { Start } from "../hub/recovery.ts";
import { Reset } from "../hub/reset.ts";
import type { SharedSubscriber, Subscriber } from "../hub/subscriber.ts";
import type { OwnershipWatcher } from "../operations/ownership-watch.ts";
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
  /** True if the gateway made the subscription by itself. It gives way to one that the client asks for. */
  readonly isAutomatic?: true;
  /** Id of the subscribe message to reply to; undefined if the channel was requested at connect. */
  readonly id?: MessageId;
}

/**
 * Phase of a subscription: without an answer yet, waiting for its operation, reading the channel, or at the end
 * of the channel.
 */
type Phase = "starting" | "pending" | "live" | "ended";

/** Subscription of one connection to one channel. */
export class Subscription implements Subscriber, SummarySubscriber, OwnershipWatcher {
  readonly channel: string;
  readonly id: MessageId | undefined;
  /** True if the client asked to be present in the channel while it reads it. */
  readonly wantsPresence: boolean;
  /** True if the gateway made the subscription by itself. */
  readonly isAutomatic: boolean;
  readonly #connection: SubscriptionOwner;
  readonly #subscriptions: SubscriptionList;
  readonly #events: ReadonlySet<string> | undefined;
  readonly #summary: Summary | undefined;
  #phase: Phase = "starting";
  /**
   * Position of the client in the channel where `hubSubscriber` does not have it: before the start, after the
   * channel's end, and with an event filter. Before the start it may also be another start point.
   */
  #place: Since | undefined;
  /** Epoch of the operation's log that the client may read; undefined where no operation decides. */
  #life: string | undefined;
  /**
   * Whether entries and state from before the subscription are withheld; a reason, if they are, that keeps the
   * client from resuming at its position.
   */
  #withheld: boolean | GapReason = false;
  #waiters: (() => void)[] | undefined;
  hubSubscriber: HubSubscriber | undefined;
  presence: PresenceWatcher | undefined;

  constructor(
    connection: SubscriptionOwner,
    subscriptions: SubscriptionList,
    { channel, since, events, presence, summaryMs, isAutomatic, id }: SubscriptionRequest,
  ) {
    this.#connection = connection;
    this.#subscriptions = subscriptions;
    this.channel = channel;
    this.id = id;
    this.wantsPresence = presence === true;
    this.isAutomatic = isAutomatic === true;
    this.#events = events === undefined ? undefined : new Set(events);
    this.#summary =
      summaryMs === undefined
        ? undefined
        : new Summary(this, summaryMs, subscriptions.summaryBudget());
    this.#place = since;
  }

  get isDurable(): false {
    return false;
  }

  /**
   * Position up to which the channel's entries were sent to the client. Undefined before the start, unless the
   * client resumes from a position.
   */
  get position(): Position | undefined {
    if (this.#phase === "pending") return pendingPosition;
    const waitsAfter = this.#connection.sendQueue.sentUpTo(this) ?? this.#summary?.sentUpTo;
    if (waitsAfter !== undefined) return waitsAfter;
    const { hubSubscriber } = this;
    if (this.#phase === "live" && this.#events === undefined && hubSubscriber !== undefined) {
      return hubSubscriber.position;
    }
    return isPosition(this.#place) ? this.#place : undefined;
  }

  /** Start point for joining the channel, at first and whenever the subscription has left it. */
  get since(): Since | undefined {
    if (this.#withheld !== false) return this.#resumesAt ?? "now";
    return isPosition(this.#place) && this.#place.epoch === pendingPosition.epoch
      ? undefined
      : this.#place;
  }

  /** True once the client has its answer: that the subscription has started, or that it is pending. */
  get isAnswered(): boolean {
    return this.#phase !== "starting";
  }

  /** True while the subscription waits for its operation. */
  get isPending(): boolean {
    return this.#phase === "pending";
  }

  /** True once the channel has ended: nothing follows, and only the position is kept. */
  get isEnded(): boolean {
    return this.#phase === "ended";
  }

  get shared(): SharedSubscriber | undefined {
    const readsAll = this.#events === undefined && this.#summary === undefined;
    return readsAll && this.#connection.readsAlike ? this.#connection : undefined;
  }

  /** Resolves once the client has its answer; returns undefined if it has it already. */
  settled(): Promise<void> | undefined {
    if (this.isAnswered) return undefined;
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  /**
   * Permits the subscription to read its channel: in the log with the epoch `life` only, or in any if that is
   * undefined.
   */
  permit(life: string | undefined): void {
    this.#life = life;
  }

  /**
   * Position at which a subscription without history may continue: one that names an entry that the client has
   * received. Undefined if it begins at the head of its channel.
   */
  get #resumesAt(): Position | undefined {
    const isLost = typeof this.#withheld === "string";
    return !isLost && isPosition(this.#place) && this.#place.offset > 0 ? this.#place : undefined;
  }

  /**
   * Withholds entries and state from before the subscription, since the client may not read them, or grants
   * them with false. A reason says why the client cannot resume at its position.
   */
  withhold(withheld: boolean | GapReason): void {
    this.#withheld = withheld;
  }

  /**
   * Makes the subscription wait for its operation, and tells the client unless it knows. The client leaves the
   * presence of the channel meanwhile.
   */
  wait(): void {
    this.presence?.leave("leaves");
    this.presence = undefined;
    if (this.#phase === "pending") {
      this.stop();
      return;
    }
    const isKnown = !this.isAnswered && this.position?.epoch === pendingPosition.epoch;
    this.stop();
    this.#tell("pending", {
      channel: this.channel,
      position: formatPosition(pendingPosition),
      recovered: isKnown,
      pending: true,
    });
    this.#settle();
  }

  /** Leaves the channel without a message. The subscription can join the channel again where it stopped. */
  stop(): void {
    if (this.hubSubscriber === undefined) return;
    this.#settleEntries();
    if (this.#phase === "live") this.#place = this.position ?? this.#place;
    this.hubSubscriber.leave();
    this.hubSubscriber = undefined;
  }

  /** Called when the operation may have begun or got another owner. */
  decide(): Promise<void> {
    return this.#subscriptions.decide(this);
  }

  onStart(start: Start): void {
    if (!this.#mayRead(start.position)) {
      this.#doubt(this.#place);
      return;
    }
    const continues = this.#phase === "live";
    const { position, recovered, reason, state, gapFrom, stale } = this.#withoutHistory(start);
    this.#place = start.position;
    if (!continues) {
      this.#tell("live", {
        channel: this.channel,
        position: formatPosition(position),
        recovered,
        ...(reason === undefined ? {} : { reason }),
        ...(state === undefined ? {} : { snapshot: state.snapshot }),
        ...(stale === undefined ? {} : { stale }),
        ...(this.presence === undefined || !this.wantsPresence
          ? {}
          : { presence: this.presence.begin() }),
      });
    } else if (state !== undefined) {
      this.onReset(new Reset(this.channel, state, reason ?? "epoch_changed"));
    }
    if (gapFrom !== undefined && reason !== undefined) this.#sendGap(gapFrom, position, reason);
    this.#settle();
  }

  onFailed(error: unknown): void {
    if (this.isAnswered) {
      this.hubSubscriber = undefined;
      this.#subscriptions.reconsider(this);
      return;
    }
    this.presence?.leave("leaves");
    this.#subscriptions.drop(this);
    if (!this.isAutomatic) this.#connection.refuse(this.id ?? null, error);
    else if (!isFinal(error))
      this.#connection.close(1013, "a channel could not be read; try again");
    this.#settle();
  }

  onReplay(size: number): void {
    this.#connection.onReplay(size);
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
    const from = events === undefined || !isPosition(this.#place) ? before : this.#place;
    this.#place = last.position;
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
    const { encoder } = this.#connection;
    const { hubSubscriber } = this;
    return hubSubscriber === undefined
      ? encoder.encodeBatch(publications, cursorOf)
      : hubSubscriber.encode(publications, encoder, cursorOf);
  }

  onMerged(count: number): void {
    this.#connection.onMerged(count);
  }

  onGap(from: Position, to: Position, reason: GapReason): void {
    this.#settleEntries();
    this.#place = to;
    this.#sendGap(from, to, reason);
  }

  onReset(reset: Reset): void {
    if (!this.#mayRead(reset.state.position)) {
      // The hub has moved on, so only the epoch is left of the position of the client.
      this.#doubt(origin(this.#life ?? ""));
      return;
    }
    if (this.#withheld !== false) {
      const from = this.position;
      if (from !== undefined) this.onGap(from, reset.state.position, reset.reason);
      return;
    }
    const { encoder, sendQueue } = this.#connection;
    this.#settleEntries();
    this.#place = reset.state.position;
    sendQueue.push(reset.encode(encoder, this.#subscriptions.cursor().event_id));
  }

  onEnd({ position }: Publication): void {
    this.#summary?.settle();
    this.#summary?.close();
    this.#phase = "ended";
    this.#place = position;
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

  /** True if the client may read the log that has this position. */
  #mayRead({ epoch }: Position): boolean {
    return this.#life === undefined || this.#life === epoch;
  }

  /** Returns the start without state, and with the gap that keeps the client from resuming. */
  #withoutHistory(start: Start): Start {
    if (this.#withheld === false) return start;
    const { state: _, ...rest } = start;
    const lost = typeof this.#withheld === "string" ? this.#withheld : undefined;
    if (lost === undefined || !isPosition(this.#place)) return rest;
    return { ...rest, reason: lost, gapFrom: this.#place };
  }

  /** Leaves the channel, whose log has begun anew, until it is known who owns the operation now. */
  #doubt(place: Since | undefined): void {
    this.stop();
    this.#place = place;
    this.#subscriptions.reconsider(this);
  }

  /** Sends the answer to the subscribe message, or the message that follows it, and enters the phase. */
  #tell(phase: Phase, subscribed: Subscribed): void {
    const { id } = this;
    const isAnswer = id !== undefined && !this.isAnswered;
    this.#phase = phase;
    const cursor = this.#subscriptions.cursor();
    this.#connection.send(
      isAnswer
        ? { type: "reply", id, result: subscribed, ...cursor }
        : { type: "subscribed", ...cursor, ...subscribed },
    );
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

/** True if the error stays the same however often the client tries. */
export function isFinal(error: unknown): boolean {
  return error instanceof MilepostError && !error.retryable;
}

function isPosition(since: Since | undefined): since is Position {
  return typeof since === "object" && "epoch" in since;
}
