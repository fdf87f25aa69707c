import type { PortableInbox } from "@milepost/engine";
import type { KeyWriter } from "./key-writer.ts";
import type { Keys } from "./keys.ts";

const dayMs = 86_400_000;
/** Time for which an inbox is kept before its first use gives it the time of its bounds, in milliseconds. */
const keptMs = 30 * dayMs;

/** Writes an inbox as `inbox.lua` keeps it: with its places, revisions, pending changes and closed ids. */
export async function importInbox(
  writer: KeyWriter,
  keys: Keys,
  { owner, contents }: PortableInbox,
  now: number,
): Promise<void> {
  const names = keys.inbox(owner);
  const [items = "", order = "", notes = "", unread = "", open = "", snoozed = ""] = names;
  const [facts = "", pending = "", closed = "", due = ""] = names.slice(6);
  const { place, revision, parts } = contents;
  const all = [...parts.items.values()];
  await writer.hash(
    items,
    keptMs,
    all.map((item) => [item.id, JSON.stringify({ ...item, length: item.json.length })]),
  );
  const places = (wanted: (item: (typeof all)[number]) => boolean) =>
    all.filter(wanted).map((item) => [item.place, item.id] as const);
  await writer.sortedSet(
    order,
    keptMs,
    places(() => true),
  );
  await writer.sortedSet(
    notes,
    keptMs,
    places(({ kind }) => kind === "notification"),
  );
  await writer.sortedSet(
    open,
    keptMs,
    places(({ kind }) => kind === "question"),
  );
  await writer.sortedSet(
    unread,
    keptMs,
    places(({ readAt, snoozedUntil }) => readAt === undefined && snoozedUntil === undefined),
  );
  await writer.sortedSet(
    snoozed,
    keptMs,
    all.flatMap(({ id, snoozedUntil }) => (snoozedUntil === undefined ? [] : [[snoozedUntil, id]])),
  );
  const news = [...parts.pending].map(
    ([id, change]) =>
      ({
        id,
        revision: change.revision,
        member: `${change.news} ${change.gone ?? ""} ${id}`,
      }) as const,
  );
  await writer.sortedSet(
    pending,
    keptMs,
    news.map((one) => [one.revision, one.member]),
  );
  await writer.sortedSet(
    closed,
    keptMs,
    [...parts.closed].map(([id, until]) => [until, id]),
  );
  const length = all
    .filter(({ kind }) => kind === "notification")
    .reduce((sum, { json }) => sum + json.length, 0);
  const counted = { place, revision, length, age: keptMs };
  await writer.hash(facts, keptMs, [
    ...Object.entries(counted).map(([name, value]) => [name, String(value)] as const),
    ...news.map(({ id, member }) => [`p:${id}`, member] as const),
  ]);
  // It is due at once, so that a node wakes it and sets when it is due next.
  await writer.addToSortedSet(due, keptMs, now, owner);
}
