import type { GapReason, Priority } from "@milepost/protocol";

/** What a publish may say besides its event. */
export interface PublishOptions {
  /** Repeating it within 10 minutes creates nothing. */
  readonly key?: string;
  /** In place of the channel's, for readers that are slow; it never changes the order within the channel. */
  readonly priority?: Priority;
}

/** What a publish answers. */
export interface Published {
  readonly channel: string;
  readonly position: string;
  readonly duplicate: boolean;
  /** Only readers at this node get it, and it is forgotten when the store is back. */
  readonly local?: true;
}

/** How a channel's stream ended. */
export interface Ending {
  readonly position: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly ts: number;
}

/** What an end answers: the first end of the channel, whoever asked for it. */
export interface Ended {
  readonly channel: string;
  readonly position: string;
  readonly reason: string;
  /** It had ended already. */
  readonly duplicate: boolean;
}

/** A page of a channel's history. */
export interface HistoryPage {
  readonly channel: string;
  readonly entries: readonly {
    /** In the log of everything below a prefix: the channel it was published to. */
    readonly source?: string;
    readonly position: string;
    readonly event: string;
    readonly data: unknown;
    readonly ts: number;
  }[];
  /** Go on from here. */
  readonly position: string;
  readonly reason?: GapReason;
  /** The stream ended at `position`: there is nothing to go on to. */
  readonly end?: Ending;
}
