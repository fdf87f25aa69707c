/** Owner of an inbox: a user by id, as in `user:ann@example.com`, or a role, as in `role:ops`. */
export type InboxOwner = `user:${string}` | `role:${string}`;

/** Kind of an item. A question is open until it is closed; a notification is never open. */
export type InboxKind = "notification" | "question";

/** Item before an inbox has it. */
export interface NewInboxItem {
  /** Id of the thing, at most 200 characters; an inbox has an id once. */
  readonly id: string;
  readonly kind: InboxKind;
  /** Data as JSON text, for the pages that show the item. */
  readonly json: string;
  /** Role to which the item was addressed; absent for an item for one person. */
  readonly role?: string;
}

/** Item as an inbox keeps it. */
export interface StoredInboxItem extends NewInboxItem {
  /** Place in the list; the newest has the highest. An item that comes back from its snooze takes a new place. */
  readonly place: number;
  /** Time at which the item was put, in milliseconds since 1970. */
  readonly at: number;
  /** Revision of the inbox with which the item last changed. */
  readonly revision: number;
  /** Time at which the person read the item, in milliseconds since 1970; once set it stays. */
  readonly readAt?: number;
  /** Time until which the item is hidden, in milliseconds since 1970; absent once it has come back. */
  readonly snoozedUntil?: number;
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

/** Bounds of one inbox. Beyond them the oldest notifications are dropped, and never an open question. */
export interface InboxBounds {
  /** Maximum number of items, and of open questions. */
  readonly maxItems: number;
  /** Maximum number of characters of data of all notifications. */
  readonly maxLength: number;
  /** Time a notification is kept, in milliseconds; an open question is kept until it is closed. */
  readonly maxAgeMs: number;
}

/** State of an inbox after a change. */
export interface InboxState {
  /** Number of changes so far; the highest wins where two answers meet. */
  readonly revision: number;
  readonly counts: InboxCounts;
}

/** Change of an item that has not been settled. */
export type InboxNews = "new" | "back" | "marked" | "gone";

/** Change that may not have reached the person's pages yet. */
export interface PendingChange {
  readonly id: string;
  /** Revision of the change; `settle` ends exactly this one. */
  readonly revision: number;
  /** What is to be announced: a new item, one that came back from its snooze, or what the person did with it. */
  readonly news: InboxNews;
  /** Reason for which the item has left the inbox; absent while it is there. */
  readonly gone?: string;
  /** Item as it is now; absent when it is gone. */
  readonly item?: StoredInboxItem;
}

/** Result of a change: the state after it, and the changes that are not settled yet. */
export interface InboxChange extends InboxState {
  readonly pending: readonly PendingChange[];
}

/** Result of a put. */
export interface InboxPut extends InboxChange {
  /**
   * `added`; `known` if the inbox has the item already; `closed` if the item was closed before; `full` if the inbox has as
   * many open questions as it may. Only `added` has changed anything.
   */
  readonly result: "added" | "known" | "closed" | "full";
}

/** Change of items that the person makes. */
export type InboxMark = { readonly read: true } | { readonly snoozedUntil: number };

/** Selects a page of an inbox. */
export interface InboxQuery {
  /** `shown`: all that are not snoozed; `all` has the snoozed, too. */
  readonly filter: "shown" | "unread" | "open" | "snoozed" | "all";
  /** Place before which the page begins; absent for the newest. */
  readonly before?: number;
  /** Maximum number of items, 1–1,000. */
  readonly limit: number;
}

/** Page of an inbox, newest first. */
export interface InboxPage extends InboxState {
  readonly items: readonly StoredInboxItem[];
}

/** Position up to which a person has seen a channel. */
export interface SeenPosition {
  readonly channel: string;
  readonly epoch: string;
  readonly offset: number;
  /** Tag of the entry at the position. */
  readonly tag: string;
  /** Time at which the position was taken, in milliseconds since 1970. Of two epochs the later one counts. */
  readonly at: number;
}

/** Positions up to which a person has seen its channels. */
export interface Seen {
  /** Time up to which the person has seen everything, in milliseconds since 1970; absent at first. */
  readonly at?: number;
  readonly positions: readonly SeenPosition[];
}

/**
 * Lists of what waits for a person, and for a role.
 *
 * Every method is one atomic step on one inbox, except `due`. Each change counts the revision up and stays pending until
 * it is settled, so that a node which dies between a change and its announcement loses nothing: `due` names the inbox
 * after 5 s, and `wake` returns what is pending. All methods reject with `store_unavailable` when the store cannot answer;
 * repeating any is harmless.
 */
export interface Inbox {
  /** Puts an item in, once per id, and drops the oldest notifications until the bounds hold. */
  put(owner: InboxOwner, item: NewInboxItem, bounds: InboxBounds): Promise<InboxPut>;
  /**
   * Takes an item out. Its id is remembered for a day, so that a late `put` does not bring it back, unless `mayReturn`.
   */
  close(
    owner: InboxOwner,
    id: string,
    reason: string,
    bounds: InboxBounds,
    mayReturn?: boolean,
  ): Promise<InboxChange>;
  /**
   * Marks items, or all that are shown. An item that is read stays so. Unknown ids change nothing. `marked` has the number
   * of items that exist.
   */
  mark(
    owner: InboxOwner,
    ids: readonly string[] | "all",
    mark: InboxMark,
    bounds: InboxBounds,
  ): Promise<InboxChange & { readonly marked: number }>;
  /** Lists items, newest first. Notifications past their age are dropped first. */
  list(owner: InboxOwner, query: InboxQuery, bounds: InboxBounds): Promise<InboxPage>;
  get(owner: InboxOwner, id: string): Promise<StoredInboxItem | undefined>;
  /** Returns up to `limit` inboxes that have something to do now: a snooze that ended, or a change not settled for 5 s. */
  due(limit: number): Promise<readonly InboxOwner[]>;
  /**
   * Brings back items whose snooze is over, keeps an inbox with open questions alive, and returns at most 100 changes that
   * are not settled. The inbox is due again in 5 s while some are pending.
   */
  wake(owner: InboxOwner, bounds: InboxBounds): Promise<InboxChange>;
  /** Ends pending changes, each only if its item has not changed since. */
  settle(owner: InboxOwner, changes: readonly PendingChange[]): Promise<void>;
  /**
   * Sets the roles of a user for `ttlMs` milliseconds; resolves with the roles before, which may have expired since.
   */
  setRoles(owner: InboxOwner, roles: readonly string[], ttlMs: number): Promise<readonly string[]>;
  /**
   * Makes a user a member of a role's inbox for `ttlMs` milliseconds, or no member with 0. Beyond `maxMembers` those whose
   * time ends first are dropped.
   */
  enrol(owner: InboxOwner, member: InboxOwner, ttlMs: number, maxMembers: number): Promise<void>;
  /** Returns the members of a role's inbox. */
  members(owner: InboxOwner): Promise<readonly InboxOwner[]>;
  /**
   * Moves what a user has seen forward: in one epoch the higher offset counts, of two epochs the later `at`, and the later
   * time. At most `maxPositions` channels are kept, the latest ones. Resolves with what is kept.
   */
  see(owner: InboxOwner, seen: Seen, maxPositions: number, keepMs: number): Promise<Seen>;
  /** Returns what a user has seen. */
  seen(owner: InboxOwner): Promise<Seen>;
}

/** Time after which a change that is not settled makes its inbox due, in milliseconds. */
export const inboxRetryMs = 5_000;
/** Time for which the id of a closed item is remembered, in milliseconds. */
export const inboxClosedMs = 86_400_000;
/** Maximum number of closed ids that an inbox remembers. */
export const maxInboxClosed = 2_000;
