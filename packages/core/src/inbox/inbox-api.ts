import type {
  InboxFilter,
  InboxItem,
  InboxItemKind,
  InboxList,
  InboxMarked,
} from "@milepost/model";
import type { Principal } from "../rules/principal.ts";

/** People whom something concerns: users by id, and everyone with one of the roles. */
export interface InboxAddress {
  readonly users?: readonly string[];
  /** Roles, as the claim `roles` of tokens names them. */
  readonly roles?: readonly string[];
}

/** Thing that is put into inboxes. */
export interface InboxThing {
  /** Id of the thing, at most 200 characters; an inbox has it once, however often it is put. */
  readonly id: string;
  readonly kind: InboxItemKind;
  /** Data for the pages that show it, at most 16 KiB as JSON. */
  readonly data: unknown;
}

/** News of an inbox: an item that is new, or one that has come back from its snooze. */
export interface InboxNews {
  /** Id of the user. */
  readonly user: string;
  readonly item: InboxItem;
  readonly isBack: boolean;
}

/**
 * Observer of the news of all inboxes. It is called at least once for each, on one of the nodes: if it rejects, or the node
 * dies, it is called again after 5 s. So it tells repetitions apart by user and `item.id`.
 */
export type InboxObserver = (news: InboxNews) => void | Promise<void>;

/** Selects a page of an inbox. Its values come from outside. */
export interface InboxListInput {
  readonly filter?: InboxFilter;
  /** `next` of the page before. */
  readonly before?: number;
  /** Maximum number of items, 1–100; default 50. */
  readonly limit?: number;
}

/** End of a snooze: a time in milliseconds since 1970 or as ISO text, or a duration. One that is over ends the snooze. */
export type SnoozeInput = { readonly until: number | string } | { readonly for_ms: number };

/** Inboxes of people. */
export interface Inboxes {
  /**
   * Lists items of a user's inbox, newest first. Without a filter, snoozed items are left out. Rejects with `forbidden`
   * unless the principal is that user, or a service with the scope `inbox`, as every method with a principal does.
   */
  list(principal: Principal, user: string, input?: InboxListInput): Promise<InboxList>;
  /** Marks items as read, or all that are not snoozed. Ids that the inbox does not have are ignored. */
  read(principal: Principal, user: string, items: readonly string[] | "all"): Promise<InboxMarked>;
  /** Hides items until a time. They come back by themselves, as the newest. */
  snooze(
    principal: Principal,
    user: string,
    items: readonly string[],
    input: SnoozeInput,
  ): Promise<InboxMarked>;
  /**
   * Puts a thing into the inboxes of those whom it concerns, once per id. Everyone with a role sees it: users who have
   * opened their inbox with the role lately at once, others when they open it.
   *
   * Rejects with `store_full` when an inbox has as many open questions as it may, and with `store_unavailable` when the
   * store cannot answer. Repeating it is harmless.
   */
  put(address: InboxAddress, thing: InboxThing): Promise<void>;
  /** Takes a thing out of all inboxes it was put into, for a reason in one word. A put that comes later is ignored. */
  close(address: InboxAddress, id: string, reason: string): Promise<void>;
  /** Adds an observer of new items, for as long as the node lives. */
  observe(observer: InboxObserver): void;
}
