import type { CoreInstruments } from "../runtime/instruments.ts";
import type { Ticker } from "../send-queue/ticker.ts";
import type { LogReader } from "../store/shared-reads.ts";
import type { ChannelNumbers } from "./channel-numbers.ts";
import type { DeliverySpans } from "./delivery-spans.ts";
import type { EncodedPages } from "./encoded-pages.ts";
import type { RecentBudget } from "./recent-budget.ts";

/** Parts and limits of the node that the channels of its hub need. */
export interface HubContext {
  readonly log: LogReader;
  /** Reader that finds where a subscription starts: during an outage, it answers from what the node holds. */
  readonly starts: LogReader;
  readonly ticker: Ticker;
  /**
   * Maximum number of entries between the position from which a subscriber resumes and the head of the log. A
   * resume from further behind is not recovered, for the reason `limit`.
   */
  readonly maxReplayEntries: number;
  /** Resolves after `ms` milliseconds, on the node's one timer. */
  readonly pause: (ms: number) => Promise<void>;
  /** True while the node is without its store, so that there is no log to compare with. */
  readonly isCut: () => boolean;
  /** Resolves once what this node has shown during an outage is in the logs of its channels. */
  readonly settled: () => Promise<void>;
  readonly instruments: Pick<
    CoreInstruments,
    "deliveries" | "messagesSent" | "resets" | "gaps" | "resumes"
  >;
  /** Spans of deliveries; undefined on a node without a tracer. */
  readonly deliverySpans?: DeliverySpans | undefined;
  readonly onError: (error: unknown) => void;
}

/** Parts that all channels of a hub share. */
export interface ChannelContext extends HubContext {
  readonly recentBudget: RecentBudget;
  readonly pages: EncodedPages;
  readonly numbers: ChannelNumbers;
}
