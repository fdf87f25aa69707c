import type { ChannelLog } from "@milepost/engine";
import type { Ticker } from "../send-queue/ticker.ts";
import type { EncodedPages } from "./encoded-pages.ts";
import type { RecentBudget } from "./recent-budget.ts";

/** What a channel of the hub needs of its node. */
export interface HubContext {
  readonly log: ChannelLog;
  readonly ticker: Ticker;
  /** Entries that may lie between a position and the head. */
  readonly maxReplayEntries: number;
  /** Resolves after some milliseconds on the node's one timer. */
  readonly pause: (ms: number) => Promise<void>;
  /** Whether the node is without its store, so that there is nothing to compare with. */
  readonly isCut: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** What all channels of a hub share. */
export interface ChannelContext extends HubContext {
  readonly recentBudget: RecentBudget;
  readonly pages: EncodedPages;
}
