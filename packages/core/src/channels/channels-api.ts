import type { Notification } from "@milepost/model";
import type { GapReason, Priority, Since, Snapshot } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";

/** Options of a publish. */
export interface PublishOptions {
  /** Dedupe key: a repeated publish with it within 10 minutes stores nothing. */
  readonly key?: string;
  /**
   * Priority in place of the channel's, for slow subscribers. It never changes the order within the channel.
   */
  readonly priority?: Priority;
}

/** Result of a publish. */
export interface Published {
  readonly channel: string;
  readonly position: string;
  readonly duplicate: boolean;
  /** True when only subscribers at this node receive the entry; it is forgotten when the store is back. */
  readonly local?: true;
}

/** End of a channel's stream. */
export interface Ending {
  readonly position: string;
  readonly reason: string;
  /** Time of the end, in milliseconds since 1970. */
  readonly ts: number;
}

/** Result of ending a channel: the channel's first end, no matter which caller asked for it. */
export interface Ended {
  readonly channel: string;
  readonly position: string;
  readonly reason: string;
  /** True when the channel had ended already. */
  readonly duplicate: boolean;
}

/** A page of a channel's history. */
export interface HistoryPage {
  readonly channel: string;
  readonly entries: readonly {
    /** Channel to which the entry was published; only in a roll-up, the log of everything below a prefix. */
    readonly source?: string;
    readonly position: string;
    readonly event: string;
    readonly data: unknown;
    readonly ts: number;
  }[];
  /** Position after which the next page begins. */
  readonly position: string;
  readonly reason?: GapReason;
  /** End of the stream, present when the page reaches it: it ended at `position`, and there is no next page. */
  readonly end?: Ending;
}

/** State of a channel at a position, for channels whose rule has a projection. */
export interface ChannelSnapshot {
  readonly channel: string;
  readonly position: string;
  /** Absent where the rule has no projection. */
  readonly snapshot?: Snapshot;
  readonly end?: Ending;
}

/** Channels, as one principal may use them. Every method checks names, data and what the principal may do. */
export interface ChannelService {
  /** Appends a publication and resolves with its position once it is in the log. */
  publish(
    principal: Principal,
    channel: string,
    event: string,
    data: unknown,
    options?: PublishOptions,
  ): Promise<Published>;
  /**
   * Completes a channel's stream; allowed to every principal that may publish to it. Later publishes are refused with
   * `ended`. Subscribers receive the end after all entries before it, and so do those that subscribe later. `reason`
   * (default `complete`) has 1 to 1,024 characters. A purge starts the channel again.
   */
  end(principal: Principal, channel: string, reason?: string): Promise<Ended>;
  /** Reads a page of at most `limit` entries (default 100) after `since` (default the start of the log). */
  history(
    principal: Principal,
    channel: string,
    options?: { readonly since?: Since; readonly limit?: number },
  ): Promise<HistoryPage>;
  snapshot(principal: Principal, channel: string): Promise<ChannelSnapshot>;
  /** Deletes the log. Subscribers on this node are reset at once, on other nodes at the next position check. */
  purge(principal: Principal, channel: string): Promise<void>;
  /** Publishes a notification to a user's channel; only services may. */
  notify(
    principal: Principal,
    userId: string,
    notification: Omit<Notification, "id"> & { readonly id?: string },
  ): Promise<Published>;
}
