import { isRecord, type Position, parsePosition, type Since } from "@milepost/protocol";
import type { HistoryOptions, HistoryPage } from "../channels/channels-api.ts";
import type { Principal } from "../rules/principal.ts";
import type { Rule } from "../rules/rule.ts";

/** Number of the newest entries of a channel among which an event is sought. */
const soughtEntries = 1_000;
const maxPages = 20;

/** Part of the channels that the search uses. */
interface Histories {
  history(principal: Principal, channel: string, options: HistoryOptions): Promise<HistoryPage>;
  resolve(channel: string): { readonly rule: Pick<Rule, "projection"> };
}

type Entry = HistoryPage["entries"][number];

/** A position that no log has: a subscription that resumes there begins with a gap, and all entries that are kept. */
const unknownPlace: Position = { epoch: "unknown", offset: 1, tag: "unknown" };

/**
 * Finds where a client continues that names the last event it received by the publisher's own id, `data.event_id`.
 *
 * - The channel that has the event continues right after it.
 * - Every other channel continues with the entries of that time and later, so that nothing is missed. Entries of the
 *   same millisecond may come again.
 * - Where no channel has the event any more, every channel begins with all that is kept, behind a gap.
 *
 * A channel that cannot be read is left out: its subscription says why.
 */
export async function placesAfter(
  channels: readonly string[],
  eventId: string,
  principal: Principal,
  histories: Histories,
): Promise<ReadonlyMap<string, Since>> {
  const logs = await Promise.all(
    channels.map(async (channel) => ({
      channel,
      entries: await newestEntries(channel, principal, histories).catch(() => undefined),
    })),
  );
  const isEvent = ({ data }: Entry) => isRecord(data) && data.event_id === eventId;
  let found: Entry | undefined;
  for (const { entries = [] } of logs) {
    const entry = entries.findLast(isEvent);
    if (entry !== undefined && (found === undefined || entry.ts > found.ts)) found = entry;
  }
  const places = new Map<string, Since>();
  for (const { channel, entries } of logs) {
    // A channel without entries has nothing to miss.
    if (entries === undefined || entries.length === 0) continue;
    if (found === undefined) {
      // A gap of a channel with a state would be the state alone, which lacks what is no part of it.
      const hasState = histories.resolve(channel).rule.projection !== undefined;
      places.set(channel, hasState ? "start" : unknownPlace);
      continue;
    }
    const place = placeIn(entries, isEvent, found.ts);
    const position = place === undefined ? undefined : parsePosition(place.position);
    places.set(channel, position?.ok === true ? position.value : "start");
  }
  return places;
}

function placeIn(
  entries: readonly Entry[],
  isEvent: (entry: Entry) => boolean,
  ts: number,
): Entry | undefined {
  return entries.findLast(isEvent) ?? entries.findLast((entry) => entry.ts < ts);
}

async function newestEntries(
  channel: string,
  principal: Principal,
  histories: Histories,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let since: HistoryOptions["since"] = { last: soughtEntries };
  for (let n = 0; n < maxPages; n++) {
    const page = await histories.history(principal, channel, { since, limit: soughtEntries });
    if (page.entries.length === 0) break;
    entries.push(...page.entries);
    const at = parsePosition(page.position);
    if (!at.ok) break;
    since = at.value;
  }
  return entries;
}
