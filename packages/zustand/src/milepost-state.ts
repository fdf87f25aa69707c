import type {
  ChannelEnd,
  ChannelEvent,
  ChannelGap,
  ConnectionMetrics,
  ConnectionState,
  OperationView,
  Published,
  PublishOptions,
  SinceOption,
  SubscriptionState,
} from "@milepost/client";

/** Error in a store: a value that can be written as JSON. */
export interface StoredError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** One channel as the store shows it. Every part keeps its identity until it changes. */
export interface ChannelSlice<State = unknown> {
  /** State of the subscription; `idle` while nobody watches the channel. */
  readonly status: SubscriptionState | "idle";
  /** Position of the latest entry in this slice; the next subscription continues after it. */
  readonly position?: string;
  /** Name of the projection that folds the channel's state, such as `chat`. */
  readonly projection?: string;
  /** State of the channel, folded up to `position`; absent while there is none. */
  readonly state?: State;
  /** Latest events, oldest first; at most as many as the watcher's `limit`. */
  readonly events: readonly ChannelEvent[];
  /** Last loss of entries. */
  readonly gap?: Omit<ChannelGap, "channel">;
  readonly end?: Omit<ChannelEnd, "channel">;
  readonly error?: StoredError;
}

/** Connection as the store shows it. */
export interface ConnectionSlice {
  readonly state: ConnectionState;
  /** Metrics of the connection; present with the option `metrics`. */
  readonly metrics?: ConnectionMetrics;
}

/** Options of a watched channel. The first watcher's options count while the channel is watched. */
export interface WatchOptions {
  /** Start of a channel that the store does not know yet; by default its state, then new entries. */
  readonly since?: SinceOption;
  /** Names of the events to receive; all by default. */
  readonly events?: readonly string[];
  /** Number of events that the slice keeps; default 100, at most 1,000. */
  readonly limit?: number;
  /** Minimum interval between deliveries, in milliseconds, from 100 to 60,000. */
  readonly summaryMs?: number;
  /**
   * Projection that folds the state before the gateway names one; by default `chat` for `chat:…` and `dashboard` for
   * `dashboard:…`. `false` folds none.
   */
  readonly projection?: string | false;
}

/** Values that the middleware adds to a store. */
export interface MilepostValues {
  readonly connection: ConnectionSlice;
  readonly channels: Readonly<Record<string, ChannelSlice>>;
  readonly operations: Readonly<Record<string, OperationView>>;
  /** User, or session without a user, whose data the channels are; null before it is known. */
  readonly owner: string | null;
  /** Number of the middleware's latest change. An older one shows that the store was set back, as by time travel. */
  readonly revision: number;
}

/** Functions that the middleware adds to a store. They keep their identity. */
export interface MilepostActions {
  /** Subscribes to a channel while at least one watcher is left. Returns a function that ends this watch. */
  watch(channel: string, options?: WatchOptions): () => void;
  /** Follows an operation while at least one watcher is left. Returns a function that ends this watch. */
  watchOperation(id: string): () => void;
  /** Publishes an event; see `Client.publish`. Rejects with `cancelled` while the store shows an earlier state. */
  publish(
    channel: string,
    event: string,
    data: unknown,
    options?: PublishOptions,
  ): Promise<Published>;
  /** Forgets what all channels hold, as when a user signs out. Watched ones begin anew. */
  forget(): void;
  /** Ends every subscription of the store, for good. The client stays open. */
  detach(): void;
}

/** State that the middleware adds to a store. */
export type MilepostState = MilepostValues & MilepostActions;
