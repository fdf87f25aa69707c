import type { NotificationData } from "@milepost/model";
import type { GapReason, Priority, Since, Snapshot } from "@milepost/protocol";
import type { DataForm } from "../input/data-form.ts";
import type { Principal } from "../rules/principal.ts";

/** Options of a publish. */
export interface PublishOptions {
  /** Dedupe key. A repeated publish by the same publisher with this key within 10 minutes stores nothing. */
  readonly key?: string;
  /** The publisher's own id of the event: its dedupe key unless `key` is set, and the field `event_id` of the data. */
  readonly eventId?: string;
  /**
   * Priority of this entry for slow subscribers, in place of the channel's priority. It never changes the order
   * within the channel.
   */
  readonly priority?: Priority;
  /**
   * Signature of the publisher, which is delivered with the publication: see `signPublication` of the protocol. It is
   * verified if the service's API key has signing keys.
   */
  readonly sig?: string;
  /**
   * W3C trace context of the publisher, as its header `traceparent` has it. Ignored where it is malformed and where the node
   * has no tracer. By default that of the principal's request.
   */
  readonly traceparent?: string;
}

/** Result of a publish. */
export interface Published {
  readonly channel: string;
  readonly position: string;
  readonly duplicate: boolean;
  /**
   * True when the store was unavailable and only subscribers at this node receive the entry for now. The entry is
   * discarded when the store is available again, unless it is `spooled`.
   */
  readonly local?: true;
  /** True when the node appends the entry, which it has shown locally, to the log once the store is available again. */
  readonly spooled?: true;
}

/** End of a channel's stream. */
export interface Ending {
  readonly position: string;
  readonly reason: string;
  /** Time of the end, in milliseconds since 1970. */
  readonly ts: number;
}

/**
 * Result of ending a channel. If the channel had ended before, the result describes that first end, no matter
 * who asked for it.
 */
export interface Ended {
  readonly channel: string;
  readonly position: string;
  readonly reason: string;
  /** True when the channel had ended already. */
  readonly duplicate: boolean;
}

/** Options of reading a channel's history. */
export interface HistoryOptions {
  /** Place after which the page begins; by default the start of the log. */
  readonly since?: Since;
  /** Maximum number of entries, 1–1,000; default 100. */
  readonly limit?: number;
  /** Form of the entries' data; default `value`. */
  readonly form?: DataForm;
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
    /** Signature of the publisher; absent where the entry was published without one. */
    readonly sig?: string;
    /** Verified publisher; absent unless the channel's rule shows publishers. */
    readonly publisher?: string;
  }[];
  /** Position to send as `since` to read the next page. */
  readonly position: string;
  readonly reason?: GapReason;
  /** End of the stream; present when this page reaches it. There is no next page then. */
  readonly end?: Ending;
  /** True if this node answered from its memory, because it cannot reach its store. */
  readonly stale?: true;
}

/** State of a channel at a position, for channels whose rule has a projection. */
export interface ChannelSnapshot {
  readonly channel: string;
  readonly position: string;
  /** State of the channel at `position`; absent where the rule has no projection. */
  readonly snapshot?: Snapshot;
  readonly end?: Ending;
  /** True if this node answered from its memory, because it cannot reach its store. */
  readonly stale?: true;
}

/**
 * Methods for channels, each called on behalf of one principal. Every method checks names, data and
 * permissions.
 */
export interface ChannelService {
  /** Publishes an event. Resolves with the position of its entry once the entry is in the log. */
  publish(
    principal: Principal,
    channel: string,
    event: string,
    data: unknown,
    options?: PublishOptions,
  ): Promise<Published>;
  /**
   * Completes a channel's stream; allowed to every principal that may publish to it, unless its rule says
   * otherwise. Later publishes are
   * refused with `ended`. Subscribers receive the end after all entries before it, and so do later subscribers.
   * `reason` (default `complete`) has 1 to 1,024 characters. After a purge the channel accepts publishes again.
   */
  end(principal: Principal, channel: string, reason?: string): Promise<Ended>;
  /**
   * Reads a page of at most `limit` entries (default 100) after `since` (default the start of the log). The page ends at
   * 256 KiB of entries; a larger entry comes alone.
   */
  history(principal: Principal, channel: string, options?: HistoryOptions): Promise<HistoryPage>;
  snapshot(principal: Principal, channel: string): Promise<ChannelSnapshot>;
  /**
   * Deletes the channel's log; allowed to services only. Subscribers on this node are reset at once,
   * subscribers on other nodes at their next position check.
   */
  purge(principal: Principal, channel: string): Promise<void>;
  /** Publishes a notification to a user's channel; allowed to services only. */
  notify(principal: Principal, userId: string, notification: NotificationData): Promise<Published>;
}
