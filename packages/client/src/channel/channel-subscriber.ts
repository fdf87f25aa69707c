import {
  formatPosition,
  type GapReason,
  MilepostError,
  type Position,
  type PresenceChange,
  type PresenceList,
  readPosition,
  type Snapshot,
  type Subscribed,
} from "@milepost/protocol";
import type { ChannelEvent } from "../contract.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { ChannelHandlers, SinceOption, Subscription, SubscriptionState } from "./channel.ts";

/** Event of a channel, or the end of the channel, as received from the gateway, with its position parsed. */
export interface Arrival {
  readonly event: ChannelEvent;
  readonly position: Position;
  /** Position before the first entry that a merged event covers; undefined for an event that is not merged. */
  readonly since: Position | undefined;
  /** Reason why the stream ended; set only when this arrival is the end of the stream. */
  readonly end?: string | undefined;
}

/**
 * Relation of an arrival to the last position that a subscriber received. It follows directly (`next`), the
 * subscriber already received it (`known`), or it is the reason of a gap:
 * - `missing`: entries in between are missing;
 * - `tag_mismatch`: another entry has the same offset;
 * - `epoch_changed`: it belongs to another epoch of the log.
 */
export type Fit = "next" | "known" | "missing" | "tag_mismatch" | "epoch_changed";

/** True if both positions are known, and `a` is at or before `b` in the same epoch of the log. */
export function isUpTo(a: Position | undefined, b: Position | undefined): boolean {
  return a !== undefined && a.epoch === b?.epoch && a.offset <= b.offset;
}

/** Options of one subscriber of a channel. */
export interface SubscriberOptions {
  readonly since: SinceOption | undefined;
  readonly events: readonly string[] | undefined;
  readonly presence: boolean;
  readonly summaryMs: number | undefined;
}

/**
 * One subscriber of a channel: its handlers and the last position it received.
 *
 * The subscriber alone decides what its handlers receive: each entry once and in order, or a gap or reset in
 * between. The position moves before a handler runs, so an entry whose handler throws is not delivered again.
 */
export class ChannelSubscriber implements Subscription {
  readonly channel: string;
  readonly options: SubscriberOptions;
  readonly ready: Promise<Subscribed>;
  /** True until the first answer to a subscribe sets the position at which the subscriber starts. */
  joining = true;
  /**
   * True while the subscriber lacks entries before the position of the channel's shared subscription. It
   * receives no events until the client has requested the missing entries again.
   */
  behind = false;
  /**
   * True from the first answer until the first arrival after it. A gap message in that time is reported with
   * the start position that it names, because it may concern entries before the answer.
   */
  fresh = false;
  /**
   * Reason of a gap that the gateway's answer announced and that is not reported yet; otherwise undefined. The
   * gateway may send a `gap` message after the answer.
   */
  announced: GapReason | undefined;
  /**
   * True after the client has requested missing entries again. Reset when the subscriber receives an entry or
   * the connection is lost.
   */
  healing = false;
  /** True once the subscriber has received the presence list; from then on it receives each presence change. */
  isInformed = false;
  #anchor: Position | undefined;
  #state: SubscriptionState = "starting";
  readonly #handlers: ChannelHandlers;
  readonly #reporter: Reporter;
  readonly #onClose: (subscriber: ChannelSubscriber) => void;
  #resolve!: (subscribed: Subscribed) => void;
  #reject!: (error: MilepostError) => void;

  constructor(
    channel: string,
    handlers: ChannelHandlers,
    options: SubscriberOptions,
    reporter: Reporter,
    onClose: (subscriber: ChannelSubscriber) => void,
  ) {
    this.channel = channel;
    this.options = options;
    this.#handlers = handlers;
    this.#reporter = reporter;
    this.#onClose = onClose;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A caller that does not await `ready` receives the refusal through onError, so an unhandled rejection
    // would be noise.
    this.ready.catch(() => {});
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /**
   * True for a subscriber that wants no events, only presence; the channel's position does not matter to it.
   */
  get readsNothing(): boolean {
    return this.options.events?.length === 0;
  }

  get anchor(): Position | undefined {
    return this.#anchor;
  }

  get position(): string | undefined {
    return this.#anchor && formatPosition(this.#anchor);
  }

  get isOver(): boolean {
    return this.#state === "ended" || this.#state === "failed" || this.#state === "closed";
  }

  close(): void {
    if (this.isOver) return;
    this.#state = "closed";
    this.#reject(
      new MilepostError("cancelled", "the subscription was closed before the gateway answered"),
    );
    this.#onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Takes the first answer to a subscribe: sets the subscriber's position, resolves `ready`, and delivers the
   * snapshot if there is one.
   */
  start(subscribed: Subscribed): void {
    this.joining = false;
    this.fresh = true;
    // `readPosition` returns undefined for "start" and "now", which are not positions.
    const asked = readPosition(this.options.since);
    const { snapshot, reason, recovered } = subscribed;
    // The gateway neither resumed nor sent a snapshot, so a gap follows. Until that gap arrives, the position
    // stays at the requested one.
    const waits = asked !== undefined && !recovered && snapshot === undefined;
    this.#anchor = waits ? asked : readPosition(subscribed.position);
    this.announced = waits ? (reason ?? "trimmed") : undefined;
    this.#resolve(subscribed);
    this.#setState("live");
    if (snapshot === undefined) return;
    const { channel, position } = subscribed;
    if (reason === undefined) this.#call("onSnapshot", { channel, position, snapshot });
    else this.#call("onReset", { channel, position, snapshot, reason });
  }

  /**
   * Marks the subscriber live again without moving its position. `announced` is the reason of a gap that
   * follows.
   */
  resumed(announced?: GapReason): void {
    this.behind = false;
    this.#move(this.#anchor);
    this.announced = announced;
    this.#setState("live");
  }

  fit({ position, since }: Arrival, isFiltered: boolean): Fit {
    const anchor = this.#anchor;
    if (anchor === undefined) return "next";
    if (position.epoch !== anchor.epoch) return "epoch_changed";
    const ahead = position.offset - anchor.offset;
    if (ahead <= 0) return ahead === 0 && position.tag !== anchor.tag ? "tag_mismatch" : "known";
    const from = since?.epoch === anchor.epoch ? since.offset : position.offset - 1;
    // A merged event cannot be split. If the subscriber already received some of its entries, they count as missing
    // and are requested again.
    return from < anchor.offset || (from > anchor.offset && !isFiltered) ? "missing" : "next";
  }

  take({ event, position, end }: Arrival): void {
    this.#move(position);
    this.healing = false;
    if (end !== undefined) {
      this.#onClose(this);
      this.#setState("ended");
      const { channel, position } = event;
      this.#call("onEnd", { channel, position, reason: end }, true);
      return;
    }
    const { events } = this.options;
    if (events !== undefined && !events.includes(event.event)) return;
    this.#call("onEvent", event);
  }

  /**
   * Reports to the handlers that the entries after `from` (default: the current position) up to `to` are lost.
   * With `moves` false the position does not move, because the entry at `to` is delivered next.
   */
  gap(from: string | undefined, to: string, reason: GapReason | "missing", moves = true): void {
    const { channel, position } = this;
    this.#move(moves ? readPosition(to) : this.#anchor);
    // The application has these entries already.
    if (reason !== "shown")
      this.#call("onGap", { channel, from: from ?? position ?? to, to, reason });
  }

  reset(position: string, snapshot: Snapshot, reason: GapReason): void {
    this.behind = false;
    this.#move(readPosition(position));
    this.#setState("live");
    const { channel } = this;
    this.#call("onReset", { channel, position, snapshot, reason });
  }

  /** Marks the subscriber as waiting for its operation; the position does not move. */
  wait(): void {
    this.behind = false;
    this.#setState("pending");
  }

  interrupt(): void {
    this.behind = false;
    this.healing = false;
    if (this.#state === "live") this.#setState("interrupted");
  }

  fail(error: MilepostError): void {
    if (this.isOver) return;
    this.#reject(error);
    this.#setState("failed");
    this.#call("onError", error, true);
  }

  /**
   * Returns true when the subscriber's position is already at or after `to`, the end of a gap or reset in the
   * same log. Such a gap or reset is ignored.
   */
  isBeyond(to: Position, reason: GapReason | undefined): boolean {
    if (this.#anchor === undefined) return true;
    return reason !== "epoch_changed" && reason !== "tag_mismatch" && isUpTo(to, this.#anchor);
  }

  presence(news: PresenceList | PresenceChange): void {
    if (!this.options.presence) return;
    this.isInformed = true;
    this.#call("onPresence", news);
  }

  /** Sets the position, before which nothing is to be reported any more. */
  #move(anchor: Position | undefined): void {
    this.#anchor = anchor;
    this.fresh = false;
    this.announced = undefined;
  }

  #setState(state: SubscriptionState): void {
    if (this.#state === state || this.isOver) return;
    this.#state = state;
    this.#call("onState", state, true);
  }

  /**
   * Calls a handler. No handler is called after `close`. After an end or a failure, a handler is called only
   * with `evenOver`.
   */
  #call<Name extends keyof ChannelHandlers>(
    name: Name,
    value: Parameters<Required<ChannelHandlers>[Name]>[0],
    evenOver = false,
  ): void {
    if (this.#state === "closed" || (this.isOver && !evenOver)) return;
    this.#reporter.run(() => this.#handlers[name]?.(value as never));
  }
}
