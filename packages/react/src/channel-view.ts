import type {
  ChannelEnd,
  ChannelEvent,
  ChannelGap,
  ChannelItem,
  SinceOption,
  SubscriptionState,
} from "@milepost/client";
import type { MilepostError, Snapshot } from "@milepost/protocol";

/** What to read of a channel, and how to fold it. */
export interface UseChannelOptions<Events, State> {
  readonly since?: SinceOption;
  readonly events?: readonly (keyof Events & string)[];
  /** At most one delivery in so many milliseconds, see `SubscribeOptions`. */
  readonly summaryMs?: number;
  /** The most events kept in `events`, the oldest go; default 200. */
  readonly limit?: number;
  /** Folds what arrives into `state`; pure. Snapshots, resets and gaps arrive here too. */
  readonly reduce?: (state: State | undefined, item: ChannelItem<Events>) => State;
}

/** A channel as a component sees it. */
export interface ChannelView<Events, State> {
  readonly status: SubscriptionState;
  /** The latest events, oldest first; emptied by a reset. */
  readonly events: readonly ChannelEvent<Events>[];
  /** What `reduce` made of it. */
  readonly state: State | undefined;
  /** The service's own state of the channel at the start or the last reset. */
  readonly snapshot: Snapshot | undefined;
  /** The last hole: entries that will not come. */
  readonly gap: ChannelGap | undefined;
  /** The stream is complete, and why; `status` is `ended`. */
  readonly end: ChannelEnd | undefined;
  readonly error: MilepostError | undefined;
}
