import type { InboxCounts, InboxItem, InboxMarked } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";

/**
 * State of a person's inbox, as a page knows it. `loading`: the gateway has not answered yet. `none`: the credential
 * names no user, so there is no inbox. `live`: the items are current. `stale`: there is no live subscription, so the items
 * are the last known ones. `failed`: the gateway refused, and `error` says why.
 */
export interface InboxView {
  readonly status: "loading" | "none" | "live" | "stale" | "failed";
  /** Items that are not snoozed, newest first: the newest 100, and the pages that `loadMore` has added. */
  readonly items: readonly InboxItem[];
  /** Items that are put aside, the one that comes back first in front. */
  readonly snoozed: readonly InboxItem[];
  readonly counts: InboxCounts;
  /** True while the gateway has older items. */
  readonly hasMore: boolean;
  readonly error: MilepostError | undefined;
}

/** Time until which an item is hidden: a duration in milliseconds, or a time in milliseconds since 1970. */
export type SnoozeTime = { readonly forMs: number } | { readonly until: number };

/** Inbox of this client's user. It follows the gateway while it has subscribers, on every device alike. */
export interface InboxHandle {
  getSnapshot(): InboxView;
  subscribe(listener: () => void): () => void;
  /**
   * Marks items as read, or all that are not snoozed. Unknown ids are ignored. More than 100 ids are sent in several
   * requests. Rejects with the gateway's error.
   */
  read(items: readonly string[] | "all"): Promise<InboxMarked>;
  /** Hides items until a time: "not now". A question stays open. Rejects with the gateway's error. */
  snooze(items: readonly string[], time: SnoozeTime): Promise<InboxMarked>;
  /** Adds the next 100 older items to the view. Does nothing if there are none. Rejects with the gateway's error. */
  loadMore(): Promise<void>;
}
