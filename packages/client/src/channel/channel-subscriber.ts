import {
  formatPosition,
  type GapReason,
  MilepostError,
  type Position,
  type PresenceChange,
  type PresenceList,
  parsePosition,
  type Snapshot,
  type Subscribed,
} from "@milepost/protocol";
import type { ChannelEvent } from "../contract.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { ChannelHandlers, SinceOption, Subscription, SubscriptionState } from "./channel.ts";

/** A publication as the wire brought it, its position read. */
export interface Arrival {
  readonly event: ChannelEvent;
  readonly position: Position;
  /** Where a merged event covers from. */
  readonly since: Position | undefined;
  /** It is the end of the stream, for this reason. */
  readonly end?: string | undefined;
}

/** How an arrival fits to what a subscriber has. */
export type Fit = "next" | "known" | "hole" | "replaced" | "other_epoch";

/** What a subscriber asked for. */
export interface SubscriberOptions {
  readonly since: SinceOption | undefined;
  readonly events: readonly string[] | undefined;
  readonly presence: boolean;
  readonly summaryMs: number | undefined;
}

/**
 * One subscriber of a channel: its handlers and the last position it was given.
 *
 * It alone decides what its handlers see: each entry once, in order, or a gap or reset in between. The
 * position moves before a handler runs, so that one that throws is not given the same entry again.
 */
export class ChannelSubscriber implements Subscription {
  readonly channel: string;
  readonly options: SubscriberOptions;
  readonly ready: Promise<Subscribed>;
  /** Waits for the answer that tells where it begins. */
  joining = true;
  /** Lacks entries that the wire has passed; what arrives is not for it until they were asked for again. */
  behind = false;
  /** Nothing has arrived since its first answer, so a gap may concern what came before that. */
  fresh = false;
  /** The service announced a hole; the gap that names it may follow. */
  announced: GapReason | undefined;
  /** What a hole lacked was asked for again, and nothing was taken since. */
  healing = false;
  /** Was told who is there, and hears each change. */
  isInformed = false;
  #anchor: Position | undefined;
  #state: SubscriptionState = "starting";
  readonly #handlers: ChannelHandlers;
  readonly #reporter: Reporter;
  readonly #onClose: (member: ChannelSubscriber) => void;
  #resolve: (subscribed: Subscribed) => void = () => {};
  #reject: (error: MilepostError) => void = () => {};

  constructor(
    channel: string,
    handlers: ChannelHandlers,
    options: SubscriberOptions,
    reporter: Reporter,
    onClose: (member: ChannelSubscriber) => void,
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
    // Whoever does not wait for it hears of the refusal through onError.
    this.ready.catch(() => {});
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** Where the channel is does not matter to it: it is here for presence. */
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
    this.#reject(new MilepostError("cancelled", "the subscription was closed before its start"));
    this.#onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The first answer came. */
  start(subscribed: Subscribed): void {
    this.joining = false;
    this.fresh = true;
    const asked = this.#askedPosition();
    const { snapshot, reason, recovered } = subscribed;
    // A gap is still to come: until then it is where it was.
    const waits = asked !== undefined && !recovered && snapshot === undefined;
    this.#anchor = waits ? asked : read(subscribed.position);
    this.announced = waits ? (reason ?? "trimmed") : undefined;
    this.#resolve(subscribed);
    this.#setState("live");
    if (snapshot === undefined) return;
    if (reason === undefined)
      this.#tell((handlers) => handlers.onSnapshot?.({ ...base(subscribed), snapshot }));
    else this.#tell((handlers) => handlers.onReset?.({ ...base(subscribed), snapshot, reason }));
  }

  /** The stream goes on right after the anchor. */
  resumed(announced?: GapReason): void {
    this.behind = false;
    this.fresh = false;
    this.announced = announced;
    this.#setState("live");
  }

  fit({ position, since }: Arrival, isFiltered: boolean): Fit {
    const anchor = this.#anchor;
    if (anchor === undefined) return "next";
    if (position.epoch !== anchor.epoch) return "other_epoch";
    if (position.offset <= anchor.offset) {
      const replaced = position.offset === anchor.offset && position.tag !== anchor.tag;
      return replaced ? "replaced" : "known";
    }
    // One event that stands for several of which some are known cannot be taken apart.
    if (since?.epoch === anchor.epoch && since.offset < anchor.offset) return "hole";
    const from = since?.epoch === anchor.epoch ? since.offset : position.offset - 1;
    return from > anchor.offset && !isFiltered ? "hole" : "next";
  }

  take({ event, position, end }: Arrival): void {
    this.#anchor = position;
    this.fresh = false;
    this.announced = undefined;
    this.healing = false;
    if (end !== undefined) {
      this.#onClose(this);
      this.#end(event.position, end);
      return;
    }
    const { events } = this.options;
    if (events !== undefined && !events.includes(event.event)) return;
    this.#tell((handlers) => handlers.onEvent?.(event));
  }

  /**
   * Entries after `from` (its position when not given) up to `to` will not come. The position does not move
   * when the hole ends at an entry that is at hand.
   */
  gap(from: string | undefined, to: string, reason: GapReason | "missing", moves = true): void {
    const { channel, position } = this;
    if (moves) this.#anchor = read(to);
    this.fresh = false;
    this.announced = undefined;
    this.#tell((handlers) =>
      handlers.onGap?.({ channel, from: from ?? position ?? to, to, reason }),
    );
  }

  reset(position: string, snapshot: Snapshot, reason: GapReason): void {
    this.#anchor = read(position);
    this.behind = false;
    this.fresh = false;
    this.announced = undefined;
    this.#setState("live");
    const { channel } = this;
    this.#tell((handlers) => handlers.onReset?.({ channel, position, snapshot, reason }));
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
    this.#tell((handlers) => handlers.onError?.(error), true);
  }

  /** Whether it already has what a gap or reset up to `to` is about. */
  isBeyond(to: Position, reason: GapReason | undefined): boolean {
    const anchor = this.#anchor;
    if (anchor === undefined) return true;
    const sameLog =
      reason !== "epoch_changed" && reason !== "tag_mismatch" && to.epoch === anchor.epoch;
    return sameLog && to.offset <= anchor.offset;
  }

  #end(position: string, reason: string): void {
    const { channel } = this;
    this.#setState("ended");
    this.#tell((handlers) => handlers.onEnd?.({ channel, position, reason }), true);
  }

  presence(news: PresenceList | PresenceChange): void {
    if (!this.options.presence) return;
    this.isInformed = true;
    this.#tell((handlers) => handlers.onPresence?.(news));
  }

  #askedPosition(): Position | undefined {
    const { since } = this.options;
    return typeof since === "string" && since !== "start" && since !== "now"
      ? read(since)
      : undefined;
  }

  #setState(state: SubscriptionState): void {
    if (this.#state === state || this.isOver) return;
    this.#state = state;
    this.#tell((handlers) => handlers.onState?.(state), true);
  }

  /** Nothing is told after `close`; the last words of an ending are. */
  #tell(tell: (handlers: ChannelHandlers) => void, evenOver = false): void {
    if (this.#state === "closed" || (this.isOver && !evenOver)) return;
    this.#reporter.run(() => tell(this.#handlers));
  }
}

function base({ channel, position }: Subscribed): { channel: string; position: string } {
  return { channel, position };
}

function read(text: string): Position | undefined {
  const position = parsePosition(text);
  return position.ok ? position.value : undefined;
}
