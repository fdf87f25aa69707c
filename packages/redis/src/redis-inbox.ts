import {
  type Inbox,
  type InboxBounds,
  type InboxMark,
  type InboxNews,
  type InboxOwner,
  type InboxPage,
  type InboxPut,
  type InboxQuery,
  type InboxState,
  mergeSeen,
  type NewInboxItem,
  type PendingChange,
  type Seen,
  type StoredInboxItem,
} from "@milepost/engine";
import { inboxBuckets, type Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { type Script, scripts } from "./script.ts";

type Counted = readonly [
  revision: number,
  total: number,
  unread: number,
  open: number,
  snoozed: number,
];
type Changed = readonly [...Counted, result: string, news: readonly string[]];

const nothingSeen: Seen = { positions: [] };
const noBounds: InboxBounds = { maxItems: 0, maxLength: 0, maxAgeMs: 0 };

/**
 * Inboxes of all nodes. An inbox and the time at which it is due are in one hash slot, so that each change is one atomic
 * step. The inboxes are in 16 buckets, by the hash of their owners, so that a sweep reads 16 keys.
 */
export class RedisInbox implements Inbox {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async put(owner: InboxOwner, item: NewInboxItem, bounds: InboxBounds): Promise<InboxPut> {
    const { id, kind, json, role = "" } = item;
    const args = [id, kind, json, role, String(json.length)];
    const answer = await this.#change(scripts.inboxPut, owner, bounds, args);
    return { ...changeOf(answer), result: answer[5] as InboxPut["result"] };
  }

  async close(
    owner: InboxOwner,
    id: string,
    reason: string,
    bounds: InboxBounds,
    mayReturn = false,
  ) {
    const args = [id, reason, mayReturn ? "1" : ""];
    return changeOf(await this.#change(scripts.inboxClose, owner, bounds, args));
  }

  async mark(
    owner: InboxOwner,
    ids: readonly string[] | "all",
    mark: InboxMark,
    bounds: InboxBounds,
  ) {
    const what = "read" in mark ? "read" : String(mark.snoozedUntil);
    const args = ids === "all" ? [what, "all"] : [what, "", ...ids];
    const answer = await this.#change(scripts.inboxMark, owner, bounds, args);
    return { ...changeOf(answer), marked: Number(answer[5]) };
  }

  async list(owner: InboxOwner, query: InboxQuery, bounds: InboxBounds): Promise<InboxPage> {
    const { filter, before, limit } = query;
    const args = [filter, before === undefined ? "" : String(before), String(limit)];
    const answer = await this.#run(scripts.inboxList, owner, bounds, args);
    const [revision, total, unread, open, snoozed, ...items] = answer as [...Counted, ...string[]];
    const state = stateOf([revision, total, unread, open, snoozed]);
    return { ...state, items: items.map(itemOf) };
  }

  async get(owner: InboxOwner, id: string) {
    const text = await this.#link.run(scripts.inboxGet, this.#keys.inbox(owner), [id]);
    return typeof text === "string" ? itemOf(text) : undefined;
  }

  async due(limit: number) {
    const args = [this.#clock.now(), String(limit)];
    const pages = await Promise.all(
      Array.from({ length: inboxBuckets }, (_, bucket) =>
        this.#link.run(scripts.inboxDue, [this.#keys.inboxDue(bucket)], args),
      ),
    );
    const due: { readonly owner: InboxOwner; readonly at: number }[] = [];
    for (const page of pages as string[][]) {
      for (let i = 0; i < page.length; i += 2) {
        due.push({ owner: page[i] as InboxOwner, at: Number(page[i + 1]) });
      }
    }
    return due
      .toSorted((a, b) => a.at - b.at)
      .slice(0, limit)
      .map(({ owner }) => owner);
  }

  async wake(owner: InboxOwner, bounds: InboxBounds) {
    return changeOf(await this.#change(scripts.inboxWake, owner, bounds, []));
  }

  async settle(owner: InboxOwner, changes: readonly PendingChange[]) {
    const args = changes.flatMap(({ id, revision }) => [id, String(revision)]);
    await this.#run(scripts.inboxSettle, owner, noBounds, args);
  }

  async setRoles(owner: InboxOwner, roles: readonly string[], ttlMs: number) {
    const keys = [this.#keys.inboxPart(owner, "roles")];
    const now = Number(this.#clock.now());
    const args = [timed(roles, now + ttlMs), String(ttlMs)];
    const before = String(await this.#link.run(scripts.inboxRoles, keys, args));
    return timedValue<readonly string[]>(before, now) ?? [];
  }

  async enrol(owner: InboxOwner, member: InboxOwner, ttlMs: number, maxMembers: number) {
    const keys = [this.#keys.inboxPart(owner, "members")];
    const args = [this.#clock.now(), member, String(ttlMs), String(maxMembers)];
    await this.#link.run(scripts.inboxEnrol, keys, args);
  }

  async members(owner: InboxOwner) {
    const keys = [this.#keys.inboxPart(owner, "members")];
    return (await this.#link.run(scripts.inboxMembers, keys, [this.#clock.now()])) as InboxOwner[];
  }

  async see(owner: InboxOwner, seen: Seen, maxPositions: number, keepMs: number): Promise<Seen> {
    let known = "";
    for (;;) {
      const now = Number(this.#clock.now());
      const before = timedValue<Seen>(known, now) ?? nothingSeen;
      const merged = mergeSeen(before, seen, maxPositions);
      const answer = await this.#swapSeen(owner, known, timed(merged, now + keepMs), keepMs);
      if (answer[0] === "1") return merged;
      // Another device was faster; each round has seen what that one stored.
      known = answer[1];
    }
  }

  async seen(owner: InboxOwner): Promise<Seen> {
    const [, kept] = await this.#swapSeen(owner, "", "", 0);
    return timedValue<Seen>(kept, Number(this.#clock.now())) ?? nothingSeen;
  }

  async #swapSeen(owner: InboxOwner, known: string, after: string, keepMs: number) {
    const keys = [this.#keys.inboxPart(owner, "seen")];
    const args = [known, after, String(keepMs)];
    return (await this.#link.run(scripts.inboxSee, keys, args)) as [string, string];
  }

  async #change(
    script: Script,
    owner: InboxOwner,
    bounds: InboxBounds,
    args: readonly string[],
  ): Promise<Changed> {
    return (await this.#run(script, owner, bounds, args)) as Changed;
  }

  #run(script: Script, owner: InboxOwner, bounds: InboxBounds, args: readonly string[]) {
    const { maxItems, maxLength, maxAgeMs } = bounds;
    const shared = [this.#clock.now(), owner, maxItems, maxLength, maxAgeMs].map(String);
    return this.#link.run(script, this.#keys.inbox(owner), [...shared, ...args]);
  }
}

function stateOf([revision, total, unread, open, snoozed]: Counted): InboxState {
  return { revision, counts: { total, unread, open, snoozed } };
}

function changeOf([revision, total, unread, open, snoozed, , news]: Changed) {
  const pending: PendingChange[] = [];
  for (let i = 0; i < news.length; i += 3) {
    const [member = "", at = "", text = ""] = news.slice(i, i + 3);
    const [word = "", reason = ""] = member.split(" ", 2);
    pending.push({
      id: member.slice(word.length + reason.length + 2),
      revision: Number(at),
      news: word as InboxNews,
      ...(reason !== "" && { gone: reason }),
      ...(text !== "" && { item: itemOf(text) }),
    });
  }
  return { ...stateOf([revision, total, unread, open, snoozed]), pending };
}

function itemOf(text: string): StoredInboxItem {
  const { length: _, ...item } = JSON.parse(text) as StoredInboxItem & { length: number };
  return item;
}

/** Returns a value and the time until which it counts, as one text. */
function timed(value: unknown, until: number): string {
  return `${until.toFixed(0)} ${JSON.stringify(value)}`;
}

function timedValue<T>(text: string, now: number): T | undefined {
  const space = text.indexOf(" ");
  return space > 0 && Number(text.slice(0, space)) > now
    ? (JSON.parse(text.slice(space + 1)) as T)
    : undefined;
}
