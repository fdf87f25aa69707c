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

/** Where a subscription starts: after a position, at the oldest kept entry, at the head, or with the last `n`. */
export type SinceOption = "start" | "now" | (string & {}) | { readonly last: number };

/** Entries that will not come. */
export interface ChannelGap {
  readonly channel: string;
  /** The last position this subscriber was given. */
  readonly from: string;
  /** The stream goes on after this position. */
  readonly to: string;
  /** `missing` is the client's own finding: the service skipped entries and did not say why. */
  readonly reason: GapReason | "missing";
}

/** The state a subscription starts from. */
export interface ChannelSnapshot {
  readonly channel: string;
  readonly position: string;
  readonly snapshot: Snapshot;
}

/** Forget what was held: here is the state instead. */
export interface ChannelReset extends ChannelSnapshot {
  readonly reason: GapReason;
}

/** The stream is complete: nothing follows. The end of a connection is never told as this. */
export interface ChannelEnd {
  readonly channel: string;
  readonly position: string;
  readonly reason: string;
}

/**
 * How a subscription stands: `starting` (never answered yet), `live`, `interrupted` (between two
 * connections; what is shown may be old), and the final `ended`, `failed`, `closed`.
 */
export type SubscriptionState = "starting" | "live" | "interrupted" | "ended" | "failed" | "closed";

/** What a subscriber is told. Nothing is called inside the call of `subscribe`, nor after `close`. */
export interface ChannelHandlers<Events = Record<string, unknown>> {
  /** Each publication once, in order. */
  onEvent?(event: ChannelEvent<Events>): void;
  /** The state at the start, where the channel has a projection. */
  onSnapshot?(snapshot: ChannelSnapshot): void;
  onGap?(gap: ChannelGap): void;
  onReset?(reset: ChannelReset): void;
  onEnd?(end: ChannelEnd): void;
  /** The service refuses the subscription, at the start or when it is resumed. Nothing follows. */
  onError?(error: MilepostError): void;
  onState?(state: SubscriptionState): void;
  /** Who is there, as it came: the list at the start and after each reconnect, then changes. See `channelPresence`. */
  onPresence?(news: PresenceList | PresenceChange): void;
}

/** What to subscribe to of a channel. */
export interface SubscribeOptions<Events = Record<string, unknown>> {
  /** Without it the channel's state (where it has a projection) and then what is new. */
  readonly since?: SinceOption;
  /** Only events of these names; none of them for who wants `presence` alone. */
  readonly events?: readonly (keyof Events & string)[];
  /** Be present in the channel, and hear who else is. */
  readonly presence?: boolean;
  /**
   * At most one delivery in so many milliseconds, 100 to 60,000: the first change at once, then what stands for all since,
   * as the channel's merge classes have it. Subscribers of one channel share the finest that one of them asks for.
   */
  readonly summaryMs?: number;
}

/** One subscriber of one channel. */
export interface Subscription {
  readonly channel: string;
  readonly state: SubscriptionState;
  /** The last position given to this subscriber: the resume anchor. */
  readonly position: string | undefined;
  /** Resolves with the first answer; rejects when the service refuses or the subscription is closed first. */
  readonly ready: Promise<Subscribed>;
  close(): void;
  [Symbol.dispose](): void;
}

/** Something a channel delivers, in order. */
export type ChannelItem<Events = Record<string, unknown>> =
  | ({ readonly type: "event" } & ChannelEvent<Events>)
  | ({ readonly type: "snapshot" } & ChannelSnapshot)
  | ({ readonly type: "gap" } & ChannelGap)
  | ({ readonly type: "reset" } & ChannelReset);

/** How to iterate over a channel. */
export interface StreamOptions<Events = Record<string, unknown>> extends SubscribeOptions<Events> {
  /** Ends the iteration by rejecting with its reason. */
  readonly signal?: AbortSignal;
  /**
   * How many items may wait for the loop; default 1,000. When a slow loop lets more pile up, the
   * subscription is given up and taken up again after the last waiting item once the loop has caught
   * up: the service replays the rest, or a gap says what it no longer keeps. Nothing is lost silently.
   */
  readonly maxBuffered?: number;
}

/** What a publish came to. */
export interface Published {
  readonly channel: string;
  readonly position: string;
  /** The key was known: it had been published before, nothing new was created. */
  readonly duplicate: boolean;
  /** The node is without its store: only the channel's readers there get it, and it is forgotten afterwards. */
  readonly local?: true;
}

/** How to publish. */
export interface PublishOptions {
  /** The same key is the same publication for 10 minutes; made up when absent, so that a resend creates nothing twice. */
  readonly key?: string;
  /** In place of the channel's, for readers that are slow; it never changes the order within the channel. */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
  /** How long to try, in milliseconds, waits for a connection included; default 60,000, at most 540,000. */
  readonly timeoutMs?: number;
}

/** One channel, as the application uses it. Cheap: make one where you need one. */
export interface Channel<Events = Record<string, unknown>> {
  readonly name: string;
  /** Subscribers of one channel share one subscription on the wire. */
  subscribe(handlers: ChannelHandlers<Events>, options?: SubscribeOptions<Events>): Subscription;
  /**
   * The publications in order. Rejects with `not_found` when entries are lost for good (a gap or a
   * reset) and with the service's error when it refuses; ends when the stream is complete.
   */
  events(options?: StreamOptions<Events>): AsyncIterableIterator<ChannelEvent<Events>>;
  /** The same with snapshots, gaps and resets in their place instead of a rejection. */
  stream(options?: StreamOptions<Events>): AsyncIterableIterator<ChannelItem<Events>>;
  publish<Name extends keyof Events & string>(
    event: Name,
    data: Events[Name],
    options?: PublishOptions,
  ): Promise<Published>;
}
