import { isRecord } from "@milepost/protocol";
import type { InboxCounts, InboxEvent, InboxItem, InboxItemGone } from "./inbox.ts";
import type { Projection } from "./projection.ts";

/** State of the channel `inbox:{user}`. */
export interface InboxState {
  readonly revision: number;
  readonly counts: InboxCounts;
  /** The newest items, snoozed ones included, newest first; at most {@link inboxStateItems}. */
  readonly items: readonly InboxItem[];
  /** Items that left last, oldest first. An older event about one of them changes nothing. */
  readonly gone: readonly InboxItemGone[];
}

/** Maximum number of items in the state of an inbox. */
export const inboxStateItems = 100;
const goneItems = 50;

/**
 * Folds the changes of an inbox. Events may be repeated and out of order: of two that concern one item, that of the higher
 * revision counts.
 */
export const inboxProjection: Projection<InboxState> = {
  name: "inbox",
  initial: undefined,
  reduce(state, entry) {
    const event = entry.event === "inbox" ? readEvent(entry.data) : undefined;
    if (event === undefined) return state;
    if (event.whole === true) return replaced(state, event);
    return changed(state ?? { ...event, items: [], gone: [] }, event);
  },
};

function replaced(state: InboxState | undefined, event: InboxEvent): InboxState {
  if (state !== undefined && event.revision <= state.revision && event.lost !== true) return state;
  const { revision, counts, items = [] } = event;
  return { revision, counts, items: newestOf(items), gone: [] };
}

function changed(state: InboxState, event: InboxEvent): InboxState {
  const known = new Map(state.items.map((item) => [item.id, item]));
  const gone = new Map(state.gone.map((one) => [one.id, one]));
  const isNews = ({ id, revision }: { readonly id: string; readonly revision: number }) =>
    revision > (known.get(id)?.revision ?? 0) && revision > (gone.get(id)?.revision ?? 0);
  for (const item of event.items ?? []) {
    if (!isNews(item)) continue;
    known.set(item.id, item);
    gone.delete(item.id);
  }
  for (const mark of event.marks ?? []) {
    const item = known.get(mark.id);
    if (item === undefined || !isNews(mark)) continue;
    const { snoozed_until: _, ...rest } = item;
    known.set(mark.id, { ...rest, ...mark });
  }
  for (const one of event.gone ?? []) {
    if (!isNews(one)) continue;
    known.delete(one.id);
    gone.delete(one.id);
    gone.set(one.id, one);
  }
  const isLater = event.revision >= state.revision;
  return {
    revision: isLater ? event.revision : state.revision,
    counts: isLater ? event.counts : state.counts,
    items: newestOf([...known.values()]),
    gone: [...gone.values()].slice(-goneItems),
  };
}

function newestOf(items: readonly InboxItem[]): readonly InboxItem[] {
  return [...items].sort((a, b) => b.place - a.place).slice(0, inboxStateItems);
}

function readEvent(data: unknown): InboxEvent | undefined {
  if (!isRecord(data) || typeof data.revision !== "number" || !isRecord(data.counts)) {
    return undefined;
  }
  const lists = [data.items, data.marks, data.gone];
  const isList = (list: unknown) =>
    list === undefined || (Array.isArray(list) && list.every((one) => isRecord(one)));
  // Only the gateway publishes the event, so its items have their fields.
  return lists.every(isList) ? (data as unknown as InboxEvent) : undefined;
}
