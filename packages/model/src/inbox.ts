/** Kind of an item of an inbox. A question is open until it is closed; a notification is never open. */
export type InboxItemKind = "notification" | "question";

/** Item of an inbox, as pages see it. */
export interface InboxItem {
  /** Id of the thing: that of the notification or the question. */
  readonly id: string;
  readonly kind: InboxItemKind;
  /** Place in the list; the newest has the highest. An item that comes back from its snooze takes a new place. */
  readonly place: number;
  /** Revision of the inbox with which the item last changed. */
  readonly revision: number;
  /** Time at which the item was put, in milliseconds since 1970. */
  readonly at: number;
  /** Role to which the item was addressed; absent for an item for one person. */
  readonly role?: string;
  /** Time at which the person read the item, in milliseconds since 1970; once set it stays. */
  readonly read_at?: number;
  /** Time until which the item is hidden, in milliseconds since 1970; absent once it has come back. */
  readonly snoozed_until?: number;
  /** The notification or the question itself. */
  readonly data: unknown;
}

/** Numbers of the items of an inbox. */
export interface InboxCounts {
  /** Items that are not snoozed. */
  readonly total: number;
  /** Items that are neither read nor snoozed. */
  readonly unread: number;
  /** Open questions, snoozed ones included. */
  readonly open: number;
  readonly snoozed: number;
}

/** Action of a person on an item. */
export type InboxItemMark = Pick<InboxItem, "id" | "revision" | "read_at" | "snoozed_until">;

/** Item that has left the inbox. */
export interface InboxItemGone {
  readonly id: string;
  readonly revision: number;
  /** Reason in one word: `answered`, `expired`, `withdrawn`, `ended`, `dropped`, `role` or another one. */
  readonly reason: string;
}

/** Data of an event `inbox`: what has changed, and the numbers after it. */
export interface InboxEvent {
  readonly revision: number;
  readonly counts: InboxCounts;
  /** Items that are new or have come back. */
  readonly items?: readonly InboxItem[];
  readonly marks?: readonly InboxItemMark[];
  readonly gone?: readonly InboxItemGone[];
  /** True if `items` are the newest of the whole inbox, which replace what was known. */
  readonly whole?: boolean;
  /** True if the store has lost the inbox, so that a lower revision counts, too. */
  readonly lost?: boolean;
}

/** Filter of a list of items: `all` has the snoozed items, too, and without a filter they are left out. */
export type InboxFilter = "unread" | "open" | "snoozed" | "all";

/** Page of an inbox, newest first. */
export interface InboxList {
  readonly items: readonly InboxItem[];
  readonly counts: InboxCounts;
  readonly revision: number;
  /** Value of `before` for the next page; absent on the last one. */
  readonly next?: number;
}

/** Answer to a change of items: the number of items that exist, and the numbers of the inbox after it. */
export interface InboxMarked {
  readonly marked: number;
  readonly counts: InboxCounts;
  readonly revision: number;
}
