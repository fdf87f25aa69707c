import type {
  GapReason,
  MilepostError,
  PresenceChange,
  PresenceList,
  Priority,
  Snapshot,
  Subscribed,
} from "@milepost/protocol";
import type { ChannelEvent } from "../contract.ts";

/**
 * Start of a subscription: a position to continue after, `start` (the oldest kept entry), `now` (new entries
 * only), or `{last}`, the number of latest entries to replay.
 */
export type SinceOption = "start" | "now" | (string & {}) | { readonly last: number };

/** Gap in a channel: entries that will not be delivered. */
export interface ChannelGap {
  readonly channel: string;
  /** Position after which entries are missing: as a rule the last one this subscriber received. */
  readonly from: string;
  /**
   * Position at which the gap ends; the stream continues after it. If the client itself found the gap, the
   * entry at this position follows the gap.
   */
  readonly to: string;
  /**
   * Reason of the gap. `missing` means that the client detected the gap: the gateway skipped entries without
   * giving a reason.
   */
  readonly reason: GapReason | "missing";
}

/** State of a channel at the position where a subscription starts. */
export interface ChannelSnapshot {
  readonly channel: string;
  readonly position: string;
  readonly snapshot: Snapshot;
}

/** State that replaces everything received so far, because the entries in between will not be delivered. */
export interface ChannelReset extends ChannelSnapshot {
  readonly reason: GapReason;
}

/**
 * End of a channel's stream: the stream is complete, and no entry follows. A lost or closed connection is never
 * reported as an end.
 */
export interface ChannelEnd {
  readonly channel: string;
  readonly position: string;
  readonly reason: string;
}

/**
 * State of a subscription: `starting` (no answer yet), `pending` (the operation does not exist yet or belongs to
 * somebody else; the subscription becomes live by itself), `live`, `interrupted` (waiting for a reconnect or a
 * retry, so the data shown may be old), and the final states `ended`, `failed` and `closed`.
 */
export type SubscriptionState =
  | "starting"
  | "pending"
  | "live"
  | "interrupted"
  | "ended"
  | "failed"
  | "closed";

/** Handlers of a subscriber. None is called inside the call of `subscribe`, nor after `close`. */
export interface ChannelHandlers<Events = Record<string, unknown>> {
  /** Receives each published event once, in order. */
  onEvent?(event: ChannelEvent<Events>): void;
  /** Receives the state at the start, if the channel has a projection. */
  onSnapshot?(snapshot: ChannelSnapshot): void;
  onGap?(gap: ChannelGap): void;
  onReset?(reset: ChannelReset): void;
  onEnd?(end: ChannelEnd): void;
  /**
   * Receives the error that ends this subscription: the gateway refused or ended it, or the client was closed.
   * No other handler is called afterwards.
   */
  onError?(error: MilepostError): void;
  onState?(state: SubscriptionState): void;
  /**
   * Receives presence messages from the gateway: the list at the start and after each reconnect, then changes.
   * See `channelPresence`, which keeps the current list.
   */
  onPresence?(news: PresenceList | PresenceChange): void;
}

/** Options of a subscription. */
export interface SubscribeOptions<Events = Record<string, unknown>> {
  /** Start of the subscription. By default the channel's state (if it has a projection), then new entries. */
  readonly since?: SinceOption;
  /** Names of the events to deliver; all by default. Pass an empty list for `presence` alone. */
  readonly events?: readonly (keyof Events & string)[];
  /** Makes this client present in the channel and delivers who else is present; default false. */
  readonly presence?: boolean;
  /**
   * Period of summaries, in milliseconds, 100 to 60,000: the subscriber receives at most one delivery per
   * period. The first change arrives at once. Each later delivery combines all changes since the one before, as
   * the channel's merge classes define. All subscribers of a channel share the shortest period that one of them
   * sets. If one subscriber of events has no `summaryMs`, none of them receives summaries.
   */
  readonly summaryMs?: number;
}

/** Handle of one subscriber of one channel. */
export interface Subscription {
  readonly channel: string;
  readonly state: SubscriptionState;
  /** Last position delivered to this subscriber; pass it as `since` to resume. */
  readonly position: string | undefined;
  /**
   * Resolves when the subscription becomes live for the first time. Rejects when the gateway refuses or the
   * subscription is closed first.
   */
  readonly ready: Promise<Subscribed>;
  close(): void;
  [Symbol.dispose](): void;
}

/** Item of a channel's stream: an event, a snapshot, a gap or a reset, in order. */
export type ChannelItem<Events = Record<string, unknown>> =
  | ({ readonly type: "event" } & ChannelEvent<Events>)
  | ({ readonly type: "snapshot" } & ChannelSnapshot)
  | ({ readonly type: "gap" } & ChannelGap)
  | ({ readonly type: "reset" } & ChannelReset);

/** Options of an iteration over a channel. */
export interface StreamOptions<Events = Record<string, unknown>> extends SubscribeOptions<Events> {
  /** Ends the iteration when aborted; the iteration rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Maximum number of items that wait for the loop; default 1,000. When a slow loop lets the buffer fill, the
   * client closes the subscription. Once the loop has read all waiting items, the client subscribes again after
   * the last of them. The gateway then replays the rest; a gap reports entries that it no longer keeps. No
   * entry is lost without a report.
   */
  readonly maxBuffered?: number;
}

/** Result of a publish. */
export interface Published {
  readonly channel: string;
  readonly position: string;
  /**
   * True when an entry with the `key` of this publish was already published; no new entry was created. Always
   * false without a `key`. With one it may also be true when the client repeated the publish after a lost reply.
   */
  readonly duplicate: boolean;
  /**
   * True when the store was unavailable and the channel's rule allows local delivery. Only the channel's subscribers on
   * the same node receive the entry, and it is not kept unless it is `spooled`.
   */
  readonly local?: true;
  /** True when the gateway will append the entry, which it has shown locally, once its store is available again. */
  readonly spooled?: true;
}

/** Options of a publish. */
export interface PublishOptions {
  /**
   * Idempotency key: publishes with the same key within 10 minutes create one entry. Generated when absent, so
   * that a resend does not create a second entry.
   */
  readonly key?: string;
  /**
   * Priority of this entry for slow subscribers, instead of the channel's; it never changes the order within
   * the channel.
   */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
  /**
   * Time limit in milliseconds, including the wait for a connection; default 60,000, at most 540,000 (a larger
   * value counts as 540,000). When it passes, the publish rejects with `timed_out`.
   */
  readonly timeoutMs?: number;
}

/** Handle of one channel. It is cheap: create one wherever you need it. */
export interface Channel<Events = Record<string, unknown>> {
  readonly name: string;
  /** Adds a subscriber. All subscribers of a channel share one subscription at the gateway. */
  subscribe(handlers: ChannelHandlers<Events>, options?: SubscribeOptions<Events>): Subscription;
  /**
   * Iterates over the published events in order. Rejects with `not_found` when entries are lost for good (a gap
   * or a reset), and with the gateway's error when it refuses. Ends when the stream is complete.
   */
  events(options?: StreamOptions<Events>): AsyncIterableIterator<ChannelEvent<Events>>;
  /** Iterates like `events`, but yields snapshots, gaps and resets in order instead of rejecting. */
  stream(options?: StreamOptions<Events>): AsyncIterableIterator<ChannelItem<Events>>;
  publish<Name extends keyof Events & string>(
    event: Name,
    data: Events[Name],
    options?: PublishOptions,
  ): Promise<Published>;
}
