import { type LogSlice, pageBytes, utf8Length } from "@milepost/engine";
import { endEvent, formatPosition, type Position, type Publication } from "@milepost/protocol";
import { breakOf } from "../hub/recovery.ts";
import { type DataForm, dataIn } from "../input/data-form.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { LogReader } from "../store/shared-reads.ts";
import { NotHeld, requireKnown } from "../store/stale-reads.ts";
import type { HistoryOptions, HistoryPage } from "./channels-api.ts";
import { endingOf } from "./ending-of.ts";

/** Approximate size of an entry in an answer besides its data and names, in bytes. */
const envelopeBytes = 160;

/**
 * Reads a page of a channel's history: at most `limit` entries, of at most 256 KiB together. A larger entry comes alone.
 */
export async function readHistory(
  reads: LogReader,
  resolved: ResolvedChannel,
  { since = "start", limit = 100, form = "value" }: HistoryOptions,
): Promise<HistoryPage> {
  const { slice, entries, before, reason } = await readSlice(reads, resolved, since, limit);
  const page = firstPage(entries, limit);
  const at = formatPosition(page.at(-1)?.position ?? before ?? slice.head);
  const { end } = slice;
  return {
    channel: resolved.name,
    entries: page
      .filter(({ event }) => event !== endEvent)
      .map((entry) => historyEntry(entry, form)),
    position: at,
    ...(reason === undefined ? {} : { reason }),
    ...(slice.stale === undefined ? {} : { stale: slice.stale }),
    ...(end !== undefined && formatPosition(end.position) === at ? { end: endingOf(end) } : {}),
  };
}

interface Read {
  readonly slice: LogSlice;
  /** Entries that the page may have. */
  readonly entries: readonly Publication[];
  /** Position of the entry before them, if the slice has it. */
  readonly before?: Position;
  readonly reason?: HistoryPage["reason"];
}

async function readSlice(
  reads: LogReader,
  { name, policy }: ResolvedChannel,
  since: NonNullable<HistoryOptions["since"]>,
  limit: number,
): Promise<Read> {
  const after = async (offset: number): Promise<Read> => {
    const slice = await reads.read(name, offset, limit, policy);
    return { slice, entries: slice.entries };
  };
  if (since === "start") return after(0).catch((error) => after(oldestHeld(error)));
  if (since === "now" || "last" in since) {
    const { position } = await reads.snapshot(name, policy);
    if (since === "now") return after(position.offset);
    const first = Math.max(0, position.offset - since.last);
    return after(first).catch((error) => after(oldestHeld(error)));
  }
  const slice = await reads.read(name, Math.max(0, since.offset - 1), limit + 1, policy);
  const reason = breakOf(since, slice, Number.POSITIVE_INFINITY);
  if (reason !== undefined) requireKnown(slice);
  if (reason !== undefined) return { ...(await after(0)), reason };
  const [first] = slice.entries;
  if (first?.position.offset !== since.offset) return { slice, entries: slice.entries };
  return { slice, entries: slice.entries.slice(1), before: first.position };
}

/** Returns the offset after which a node without its store can answer; rethrows any other error. */
function oldestHeld(error: unknown): number {
  if (error instanceof NotHeld && error.after !== undefined) return error.after;
  throw error;
}

function firstPage(entries: readonly Publication[], limit: number): readonly Publication[] {
  let bytes = 0;
  let count = 0;
  for (const { json, event, source = "" } of entries) {
    bytes += utf8Length(json) + event.length + source.length + envelopeBytes;
    if (count === limit || (count > 0 && bytes > pageBytes)) break;
    count++;
  }
  return entries.slice(0, count);
}

function historyEntry(entry: Publication, form: DataForm) {
  const { source, position, event, json, ts, sig, publisher } = entry;
  return {
    ...(source === undefined ? {} : { source }),
    position: formatPosition(position),
    event,
    data: dataIn(form, json),
    ts,
    ...(sig === undefined ? {} : { sig }),
    ...(publisher === undefined ? {} : { publisher }),
  };
}
