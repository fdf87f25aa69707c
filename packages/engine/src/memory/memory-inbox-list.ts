import {
  type InboxBounds,
  type InboxMark,
  type InboxNews,
  type InboxPut,
  type InboxQuery,
  type InboxState,
  inboxClosedMs,
  maxInboxClosed,
  type NewInboxItem,
  type PendingChange,
  type StoredInboxItem,
} from "../ports/inbox.ts";

/** Everything that an inbox has, for a store that keeps it elsewhere. The values in the maps never change in place. */
export interface InboxContents {
  readonly place: number;
  readonly revision: number;
  readonly parts: {
    readonly items: ReadonlyMap<string, StoredInboxItem>;
    readonly pending: ReadonlyMap<string, PendingNews>;
    readonly closed: ReadonlyMap<string, number>;
  };
}

/** Change of an item that is not settled. */
export interface PendingNews {
  readonly revision: number;
  readonly news: InboxNews;
  readonly gone?: string;
}

const pendingAtOnce = 100;

/** One inbox in memory. Items are in the order of their places, the oldest first. */
export class MemoryInboxList {
  readonly #items: Map<string, StoredInboxItem>;
  readonly #pending: Map<string, PendingNews>;
  /** Times until which ids of closed items are remembered, the oldest first. */
  readonly #closed: Map<string, number>;
  #place: number;
  #revision: number;

  /** Creates an empty list, or one with the contents that another had. */
  constructor(contents?: InboxContents) {
    this.#items = new Map(contents?.parts.items);
    this.#pending = new Map(contents?.parts.pending);
    this.#closed = new Map(contents?.parts.closed);
    this.#place = contents?.place ?? 0;
    this.#revision = contents?.revision ?? 0;
  }

  /** Copy of everything that the list has. */
  get contents(): InboxContents {
    return {
      place: this.#place,
      revision: this.#revision,
      parts: {
        items: new Map(this.#items),
        pending: new Map(this.#pending),
        closed: new Map(this.#closed),
      },
    };
  }

  /** Number of items, changes and ids that the list has. */
  get size(): number {
    return this.#items.size + this.#pending.size + this.#closed.size;
  }

  /** True if nothing would be lost with the list. */
  get isEmpty(): boolean {
    return this.#revision === 0;
  }

  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Time at which the next snooze ends, in milliseconds since 1970; infinite without one. */
  get nextReturn(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { snoozedUntil } of this.#items.values())
      next = Math.min(next, snoozedUntil ?? next);
    return next;
  }

  get state(): InboxState {
    const counts = { total: 0, unread: 0, open: 0, snoozed: 0 };
    for (const item of this.#items.values()) {
      if (item.snoozedUntil !== undefined) counts.snoozed++;
      else counts.total++;
      if (isUnread(item)) counts.unread++;
      if (item.kind === "question") counts.open++;
    }
    return { revision: this.#revision, counts };
  }

  get(id: string): StoredInboxItem | undefined {
    return this.#items.get(id);
  }

  put(item: NewInboxItem, { maxItems }: InboxBounds, now: number): InboxPut["result"] {
    if (this.#items.has(item.id)) return "known";
    if ((this.#closed.get(item.id) ?? 0) > now) return "closed";
    if (item.kind === "question" && this.state.counts.open >= maxItems) return "full";
    const revision = ++this.#revision;
    this.#items.set(item.id, { ...item, at: now, revision, place: ++this.#place });
    this.#pending.set(item.id, { revision, news: "new" });
    return "added";
  }

  close(id: string, reason: string, mayReturn: boolean, now: number): void {
    if (!mayReturn) {
      this.#closed.delete(id);
      this.#closed.set(id, now + inboxClosedMs);
      // A list that only remembers what was closed must be kept, too.
      this.#revision = Math.max(this.#revision, 1);
      for (const [old, until] of this.#closed) {
        if (until > now && this.#closed.size <= maxInboxClosed) break;
        this.#closed.delete(old);
      }
    }
    if (this.#items.delete(id)) {
      this.#pending.set(id, { revision: ++this.#revision, news: "gone", gone: reason });
    }
  }

  mark(ids: readonly string[] | "all", mark: InboxMark, now: number): number {
    const shown = () =>
      [...this.#items.values()].filter(({ snoozedUntil: at }) => at === undefined);
    const items = ids === "all" ? shown() : ids.flatMap((id) => this.#items.get(id) ?? []);
    for (const item of items) {
      if ("read" in mark) {
        if (item.readAt === undefined) this.#change({ ...item, readAt: now });
      } else if (mark.snoozedUntil > now) {
        if (item.snoozedUntil !== mark.snoozedUntil)
          this.#change({ ...item, snoozedUntil: mark.snoozedUntil });
      } else this.#bringBack(item);
    }
    return items.length;
  }

  page({ filter, before, limit }: InboxQuery): readonly StoredInboxItem[] {
    const found: StoredInboxItem[] = [];
    for (const item of [...this.#items.values()].reverse()) {
      if (found.length >= limit) break;
      if (before !== undefined && item.place >= before) continue;
      if (passes(item, filter)) found.push(item);
    }
    return found;
  }

  wake(now: number): void {
    const over = [...this.#items.values()].filter(
      ({ snoozedUntil: at }) => at !== undefined && at <= now,
    );
    over.sort((a, b) => (a.snoozedUntil ?? 0) - (b.snoozedUntil ?? 0));
    for (const item of over) this.#bringBack(item);
  }

  pending(): readonly PendingChange[] {
    return [...this.#pending].slice(0, pendingAtOnce).map(([id, pending]) => {
      const item = this.#items.get(id);
      return { id, ...pending, ...(item !== undefined && { item }) };
    });
  }

  settle(changes: readonly PendingChange[]): void {
    for (const { id, revision } of changes) {
      if (this.#pending.get(id)?.revision === revision) this.#pending.delete(id);
    }
  }

  /** Drops the oldest notifications beyond the bounds on age, number and length. */
  prune({ maxItems, maxLength, maxAgeMs }: InboxBounds, now: number): void {
    const notifications = [...this.#items.values()].filter(({ kind }) => kind === "notification");
    let length = 0;
    for (const { json } of notifications) length += json.length;
    for (const [index, { id, at, json }] of notifications.entries()) {
      const isNewest = index === notifications.length - 1;
      const isTooMuch = (this.#items.size > maxItems || length > maxLength) && !isNewest;
      if (!isTooMuch && at + maxAgeMs > now) continue;
      this.#items.delete(id);
      length -= json.length;
      this.#pending.set(id, { revision: ++this.#revision, news: "gone", gone: "dropped" });
    }
  }

  #change(item: StoredInboxItem, news: InboxNews = "marked"): void {
    const revision = ++this.#revision;
    this.#items.set(item.id, { ...item, revision });
    const before = this.#pending.get(item.id)?.news;
    const isKept = before === "new" || (before === "back" && news === "marked");
    this.#pending.set(item.id, { revision, news: isKept ? before : news });
  }

  #bringBack({ snoozedUntil, ...item }: StoredInboxItem): void {
    if (snoozedUntil === undefined) return;
    this.#items.delete(item.id);
    this.#change({ ...item, place: ++this.#place }, "back");
  }
}

function isUnread({ readAt, snoozedUntil }: StoredInboxItem): boolean {
  return readAt === undefined && snoozedUntil === undefined;
}

function passes(item: StoredInboxItem, filter: InboxQuery["filter"]): boolean {
  switch (filter) {
    case "all":
      return true;
    case "shown":
      return item.snoozedUntil === undefined;
    case "snoozed":
      return item.snoozedUntil !== undefined;
    case "unread":
      return isUnread(item);
    case "open":
      return item.kind === "question";
  }
}
