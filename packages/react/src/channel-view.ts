import type {
  ChannelEnd,
  ChannelEvent,
  ChannelGap,
  ChannelItem,
  SinceOption,
  SubscriptionState,
} from "@milepost/client";
import type { MilepostError, Snapshot } from "@milepost/protocol";

/** Options of {@link useChannel}: what to read of a channel, and how to fold it. */
export interface UseChannelOptions<Events, State> {
  readonly since?: SinceOption;
  readonly events?: readonly (keyof Events & string)[];
  /** Period of summaries, in milliseconds: at most one delivery arrives per period. See `SubscribeOptions`. */
  readonly summaryMs?: number;
  /** Largest number of events kept in `events`; the oldest are dropped. Default: 200. */
  readonly limit?: number;
  /** Folds each received item (event, snapshot, reset or gap) into `state`. It must be a pure function. */
  readonly reduce?: (state: State | undefined, item: ChannelItem<Events>) => State;
}

/** State of a channel as a component sees it. */
export interface ChannelView<Events, State> {
  readonly status: SubscriptionState;
  /** Latest events, oldest first. A reset empties the list. */
  readonly events: readonly ChannelEvent<Events>[];
  /** State that `reduce` folded from the received items; undefined without `reduce`. */
  readonly state: State | undefined;
  /** State of the channel that the gateway sent, at the start or with the last reset. */
  readonly snapshot: Snapshot | undefined;
  /** Latest gap: a range of entries that cannot be delivered. */
  readonly gap: ChannelGap | undefined;
  /** End of the stream with its reason; `status` is then `ended`. */
  readonly end: ChannelEnd | undefined;
  readonly error: MilepostError | undefined;
}
