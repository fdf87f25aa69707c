import {
  type Inbox,
  type InboxBounds,
  type InboxChange,
  type InboxContents,
  type InboxMark,
  type InboxOwner,
  type InboxQuery,
  inboxClosedMs,
  inboxRetryMs,
  MemoryInboxList,
  mergeSeen,
  type NewInboxItem,
  type PendingChange,
  type Seen,
} from "@milepost/engine";
import type { PortParts } from "./port-parts.ts";
import { YoungAndOld } from "./young-and-old.ts";

type PartKind = keyof InboxContents["parts"];

const nothingSeen: Seen = { positions: [] };
const kinds: readonly PartKind[] = ["items", "pending", "closed"];
/** Number of items in the lists that are kept in memory. */
const cachedItems = 20_000;

/**
 * Inboxes in the file. A list is the same as that of the memory engine; each step writes the rows of the items that it has
 * changed. Lists that were used lately stay in memory.
 *
 * A list without open questions is deleted once everything in it is too old and no closed id must be remembered.
 */
export class SqliteInbox implements Inbox {
  readonly #parts: PortParts;
  readonly #lists = new YoungAndOld<MemoryInboxList>(cachedItems);
  readonly #statements;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    store.onUndone(() => this.#lists.clear());
    this.#statements = {
      get: store.prepare("SELECT place, revision FROM inbox WHERE owner = ?"),
      put: store.prepare("INSERT OR REPLACE INTO inbox VALUES (?, ?, ?, ?, ?)"),
      reschedule: store.prepare("UPDATE inbox SET due_at = ? WHERE owner = ?"),
      over: store.prepare("SELECT owner FROM inbox WHERE until <= ? LIMIT ?"),
      remove: store.prepare("DELETE FROM inbox WHERE owner = ?"),
      removeParts: store.prepare("DELETE FROM inbox_part WHERE owner = ?"),
      parts: store.prepare("SELECT kind, id, json FROM inbox_part WHERE owner = ? ORDER BY number"),
      putPart: store.prepare("INSERT OR REPLACE INTO inbox_part VALUES (?, ?, ?, ?, ?)"),
      dropPart: store.prepare("DELETE FROM inbox_part WHERE owner = ? AND kind = ? AND id = ?"),
      due: store.prepare("SELECT owner FROM inbox WHERE due_at <= ? ORDER BY due_at LIMIT ?"),
      members: store.prepare(
        "SELECT member FROM inbox_member WHERE owner = ? AND until > ? ORDER BY until DESC",
      ),
      enrol: store.prepare("INSERT OR REPLACE INTO inbox_member VALUES (?, ?, ?)"),
      expel: store.prepare("DELETE FROM inbox_member WHERE owner = ? AND member = ?"),
      value: store.prepare(
        "SELECT json FROM inbox_value WHERE owner = ? AND kind = ? AND until > ?",
      ),
      putValue: store.prepare("INSERT OR REPLACE INTO inbox_value VALUES (?, ?, ?, ?)"),
    };
  }

  put(owner: InboxOwner, item: NewInboxItem, bounds: InboxBounds) {
    return this.#change(owner, bounds, (list, now) => {
      this.#parts.store.requireRoom();
      return { result: list.put(item, bounds, now) };
    });
  }

  close(
    owner: InboxOwner,
    id: string,
    reason: string,
    bounds: InboxBounds,
    mayReturn = false,
  ): Promise<InboxChange> {
    return this.#change(owner, bounds, (list, now) => {
      list.close(id, reason, mayReturn, now);
      return {};
    });
  }

  mark(owner: InboxOwner, ids: readonly string[] | "all", mark: InboxMark, bounds: InboxBounds) {
    return this.#change(owner, bounds, (list, now) => ({ marked: list.mark(ids, mark, now) }));
  }

  async list(owner: InboxOwner, query: InboxQuery, bounds: InboxBounds) {
    return this.#parts.store.step(() => {
      const list = this.#load(owner);
      const before = list.contents;
      list.prune(bounds, this.#now());
      if (this.#writeParts(owner, list, before)) this.#save(owner, list, bounds);
      return { items: list.page(query), ...list.state };
    });
  }

  get(owner: InboxOwner, id: string) {
    return this.#parts.store.read(() => this.#load(owner).get(id));
  }

  due(limit: number) {
    return this.#parts.store.read(() =>
      this.#statements.due.all(this.#now(), limit).map((row) => row.owner as InboxOwner),
    );
  }

  wake(owner: InboxOwner, bounds: InboxBounds): Promise<InboxChange> {
    return this.#change(owner, bounds, (list, now) => {
      list.wake(now);
      return {};
    });
  }

  async settle(owner: InboxOwner, changes: readonly PendingChange[]) {
    await this.#parts.store.step(() => {
      const list = this.#load(owner);
      const before = list.contents;
      list.settle(changes);
      this.#writeParts(owner, list, before);
      this.#statements.reschedule.run(dueAt(list, this.#now()), owner);
    });
  }

  setRoles(owner: InboxOwner, roles: readonly string[], ttlMs: number) {
    return this.#parts.store.step(() => {
      const before = this.#value<readonly string[]>(owner, "roles") ?? [];
      this.#statements.putValue.run(owner, "roles", JSON.stringify(roles), this.#in(ttlMs));
      return before;
    });
  }

  async enrol(owner: InboxOwner, member: InboxOwner, ttlMs: number, maxMembers: number) {
    await this.#parts.store.step(() => {
      if (ttlMs <= 0) this.#statements.expel.run(owner, member);
      else this.#statements.enrol.run(owner, member, this.#in(ttlMs));
      const members = this.#statements.members.all(owner, this.#in(0));
      for (const row of members.slice(maxMembers)) {
        this.#statements.expel.run(owner, String(row.member));
      }
    });
  }

  members(owner: InboxOwner) {
    return this.#parts.store.read(() =>
      this.#statements.members.all(owner, this.#in(0)).map((row) => row.member as InboxOwner),
    );
  }

  see(owner: InboxOwner, seen: Seen, maxPositions: number, keepMs: number) {
    return this.#parts.store.step(() => {
      const before = this.#value<Seen>(owner, "seen") ?? nothingSeen;
      const value = mergeSeen(before, seen, maxPositions);
      this.#statements.putValue.run(owner, "seen", JSON.stringify(value), this.#in(keepMs));
      return value;
    });
  }

  seen(owner: InboxOwner) {
    return this.#parts.store.read(() => this.#value<Seen>(owner, "seen") ?? nothingSeen);
  }

  /** Deletes up to `limit` lists that are over, and returns their number. */
  sweep(limit: number): number {
    const over = this.#statements.over.all(this.#in(0), limit);
    for (const row of over) {
      const owner = String(row.owner);
      this.#statements.remove.run(owner);
      this.#statements.removeParts.run(owner);
      this.#lists.delete(owner);
    }
    return over.length;
  }

  #change<T extends object>(
    owner: InboxOwner,
    bounds: InboxBounds,
    change: (list: MemoryInboxList, now: number) => T,
  ): Promise<T & InboxChange> {
    return this.#parts.store.step(() => {
      const list = this.#load(owner);
      const before = list.contents;
      const result = change(list, this.#now());
      list.prune(bounds, this.#now());
      this.#writeParts(owner, list, before);
      this.#save(owner, list, bounds);
      return { ...result, ...list.state, pending: list.pending() };
    });
  }

  #load(owner: InboxOwner): MemoryInboxList {
    const known = this.#lists.get(owner, ({ size }) => size + 1);
    if (known !== undefined) return known;
    const row = this.#statements.get.get(owner);
    if (row === undefined) return new MemoryInboxList();
    const parts: Record<PartKind, Map<string, unknown>> = {
      items: new Map(),
      pending: new Map(),
      closed: new Map(),
    };
    for (const { kind, id, json } of this.#statements.parts.all(owner)) {
      parts[kind as PartKind].set(String(id), JSON.parse(String(json)));
    }
    const list = new MemoryInboxList({
      place: Number(row.place),
      revision: Number(row.revision),
      parts: parts as unknown as InboxContents["parts"],
    });
    this.#lists.set(owner, list, list.size + 1);
    return list;
  }

  /**
   * Writes what differs from the contents before, and returns true if anything does. Values never change in place, so a look
   * at their identity is enough.
   */
  #writeParts(owner: InboxOwner, list: MemoryInboxList, before: InboxContents): boolean {
    const after = list.contents;
    let differs = after.revision !== before.revision || after.place !== before.place;
    for (const kind of kinds) {
      const [from, to]: readonly ReadonlyMap<string, unknown>[] = [
        before.parts[kind],
        after.parts[kind],
      ] as const;
      if (from === undefined || to === undefined) continue;
      for (const id of from.keys()) if (!to.has(id)) this.#statements.dropPart.run(owner, kind, id);
      for (const [id, value] of to) {
        if (from.get(id) === value) continue;
        differs = true;
        this.#statements.putPart.run(owner, kind, id, orderOf(value), JSON.stringify(value));
      }
      differs ||= from.size !== to.size;
    }
    return differs;
  }

  /** Writes the row of a list: when it is due, and until when it is kept. */
  #save(owner: InboxOwner, list: MemoryInboxList, { maxAgeMs }: InboxBounds): void {
    if (list.isEmpty) return;
    const { place, revision } = list.contents;
    const { open } = list.state.counts;
    const until = open > 0 ? null : this.#in(maxAgeMs + inboxClosedMs);
    this.#statements.put.run(owner, place, revision, dueAt(list, this.#now()), until);
    this.#lists.set(owner, list, list.size + 1);
  }

  #value<T>(owner: InboxOwner, kind: "roles" | "seen"): T | undefined {
    const row = this.#statements.value.get(owner, kind, this.#in(0));
    return row && (JSON.parse(String(row.json)) as T);
  }

  /** Returns the time of the store in so many milliseconds, by which rows end that nobody sees. */
  #in(ms: number): number {
    return this.#parts.storeClock.now() + ms;
  }

  /** Returns the time that people see: that of their items, and of the ends of their snoozes. */
  #now(): number {
    return this.#parts.clock.now();
  }
}

/** Time at which a list has something to do next; null without any. */
function dueAt(list: MemoryInboxList, now: number): number | null {
  const retryAt = list.hasPending ? now + inboxRetryMs : Number.POSITIVE_INFINITY;
  const at = Math.min(retryAt, list.nextReturn);
  return at === Number.POSITIVE_INFINITY ? null : at;
}

/** Number by which the parts of a kind are in their order: the place of an item, the revision of a change, a time. */
function orderOf(value: unknown): number {
  if (typeof value === "number") return value;
  const { place, revision } = value as { readonly place?: number; readonly revision: number };
  return place ?? revision;
}
