import type { Clock } from "../ports/clock.ts";
import {
  type Inbox,
  type InboxBounds,
  type InboxChange,
  type InboxOwner,
  type InboxQuery,
  inboxRetryMs,
  type NewInboxItem,
  type PendingChange,
  type Seen,
} from "../ports/inbox.ts";
import { MemoryInboxList } from "./memory-inbox-list.ts";
import { mergeSeen } from "./merge-seen.ts";

interface Kept<T> {
  readonly value: T;
  readonly until: number;
}

const nothingSeen: Seen = { positions: [] };

/** Inboxes of one process in memory. */
export class MemoryInbox implements Inbox {
  readonly #clock: Clock;
  readonly #lists = new Map<InboxOwner, MemoryInboxList>();
  readonly #due = new Map<InboxOwner, number>();
  readonly #members = new Map<InboxOwner, Map<InboxOwner, number>>();
  readonly #roles = new Map<InboxOwner, Kept<readonly string[]>>();
  readonly #seen = new Map<InboxOwner, Kept<Seen>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async put(owner: InboxOwner, item: NewInboxItem, bounds: InboxBounds) {
    const list = this.#listOf(owner);
    const result = list.put(item, bounds, this.#clock.now());
    return { result, ...this.#changed(owner, list, bounds) };
  }

  async close(
    owner: InboxOwner,
    id: string,
    reason: string,
    bounds: InboxBounds,
    mayReturn = false,
  ) {
    const list = this.#listOf(owner);
    list.close(id, reason, mayReturn, this.#clock.now());
    return this.#changed(owner, list, bounds);
  }

  async mark(
    owner: InboxOwner,
    ids: readonly string[] | "all",
    mark: { readonly read: true } | { readonly snoozedUntil: number },
    bounds: InboxBounds,
  ) {
    const list = this.#listOf(owner);
    const marked = list.mark(ids, mark, this.#clock.now());
    return { marked, ...this.#changed(owner, list, bounds) };
  }

  async list(owner: InboxOwner, query: InboxQuery, bounds: InboxBounds) {
    const list = this.#listOf(owner);
    list.prune(bounds, this.#clock.now());
    const items = list.page(query);
    return { items, ...list.state };
  }

  async get(owner: InboxOwner, id: string) {
    return this.#listOf(owner).get(id);
  }

  async due(limit: number) {
    const now = this.#clock.now();
    const due = [...this.#due].filter(([, at]) => at <= now).toSorted(([, a], [, b]) => a - b);
    return due.slice(0, limit).map(([owner]) => owner);
  }

  async wake(owner: InboxOwner, bounds: InboxBounds) {
    const list = this.#listOf(owner);
    list.wake(this.#clock.now());
    list.prune(bounds, this.#clock.now());
    return this.#changed(owner, list, bounds);
  }

  async settle(owner: InboxOwner, changes: readonly PendingChange[]) {
    const list = this.#listOf(owner);
    list.settle(changes);
    this.#schedule(owner, list);
  }

  async setRoles(owner: InboxOwner, roles: readonly string[], ttlMs: number) {
    const now = this.#clock.now();
    const before = this.#roles.get(owner);
    this.#roles.set(owner, { value: roles, until: now + ttlMs });
    return before !== undefined && before.until > now ? before.value : [];
  }

  async enrol(owner: InboxOwner, member: InboxOwner, ttlMs: number, maxMembers: number) {
    const now = this.#clock.now();
    const members = this.#members.get(owner) ?? new Map<InboxOwner, number>();
    if (ttlMs <= 0) members.delete(member);
    else members.set(member, now + ttlMs);
    const first = [...members].toSorted(([, a], [, b]) => a - b);
    for (const [name, until] of first) {
      if (until <= now || members.size > maxMembers) members.delete(name);
    }
    if (members.size === 0) this.#members.delete(owner);
    else this.#members.set(owner, members);
  }

  async members(owner: InboxOwner) {
    const now = this.#clock.now();
    const members = this.#members.get(owner) ?? new Map<InboxOwner, number>();
    return [...members].filter(([, until]) => until > now).map(([member]) => member);
  }

  async see(owner: InboxOwner, seen: Seen, maxPositions: number, keepMs: number) {
    const value = mergeSeen(await this.seen(owner), seen, maxPositions);
    this.#seen.set(owner, { value, until: this.#clock.now() + keepMs });
    return value;
  }

  async seen(owner: InboxOwner) {
    const kept = this.#seen.get(owner);
    return kept !== undefined && kept.until > this.#clock.now() ? kept.value : nothingSeen;
  }

  #listOf(owner: InboxOwner): MemoryInboxList {
    return this.#lists.get(owner) ?? new MemoryInboxList();
  }

  #changed(owner: InboxOwner, list: MemoryInboxList, bounds: InboxBounds): InboxChange {
    list.prune(bounds, this.#clock.now());
    if (list.isEmpty) this.#lists.delete(owner);
    else this.#lists.set(owner, list);
    this.#schedule(owner, list);
    return { ...list.state, pending: list.pending() };
  }

  #schedule(owner: InboxOwner, list: MemoryInboxList): void {
    const retryAt = list.hasPending ? this.#clock.now() + inboxRetryMs : Number.POSITIVE_INFINITY;
    const at = Math.min(retryAt, list.nextReturn);
    if (at === Number.POSITIVE_INFINITY) this.#due.delete(owner);
    else this.#due.set(owner, at);
  }
}
