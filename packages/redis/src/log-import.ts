import { type LogPolicy, type PortableLog, utf8Length } from "@milepost/engine";
import type { Publication } from "@milepost/protocol";
import type { KeyWriter } from "./key-writer.ts";
import type { Keys } from "./keys.ts";
import { headerOf } from "./packed-entry.ts";

/** Time by which keys outlive what they hold, in milliseconds; see `lifetime.lua`. */
const afterlifeMs = 60_000;
const noTag = "0";

interface Packed {
  readonly offset: number;
  /** Bytes of data up to and including the entry. */
  readonly bytes: number;
  readonly text: string;
}

/** Writes a log as `log.lua` keeps it: with its epoch, offsets, tags, keys, state, owners of ids and end. */
export async function importLog(
  writer: KeyWriter,
  keys: Keys,
  log: PortableLog,
  policy: LogPolicy,
  now: number,
): Promise<void> {
  const { channel, head, floor, end, state } = log;
  const [meta, stream, stored] = keys.log(channel, policy);
  const leftMs = Math.max(log.leftMs, log.keysLeftMs);
  const ttlMs = leftMs * 1.25 + afterlifeMs;
  const checkpoint = Math.min(state?.offset ?? 0, head.offset);
  const sums = { bytes: 0, floor: 0, checkpoint: 0, first: undefined as Packed | undefined, ts: 0 };
  const entries = function* () {
    for (const entry of packedEntries(log)) {
      sums.first ??= entry;
      sums.bytes = entry.bytes;
      if (entry.offset <= floor.offset) sums.floor = entry.bytes;
      if (entry.offset <= checkpoint) sums.checkpoint = entry.bytes;
      sums.ts = entry.ts;
      yield [String(entry.offset), String(entry.bytes), entry.text] as const;
    }
  };
  await writer.stream(stream, ttlMs, entries());
  await writer.string(stored, ttlMs, state && `${state.projection}\n${state.json}`);
  for (const key of log.keys()) {
    const header = `${head.epoch} ${key.offset} ${key.tag} ${noTag} ${key.ts} - ${key.event}`;
    const text = `${(now + key.leftMs).toFixed(0)} ${header}`;
    await writer.string(
      keys.dedupeNamed(channel, policy, key.name),
      key.leftMs + afterlifeMs,
      text,
    );
  }
  const owners = [...log.owners()];
  const fields: Record<string, string | number> = {
    epoch: head.epoch,
    offset: head.offset,
    tag: head.tag,
    ts: sums.ts,
    ends: (now + log.leftMs).toFixed(0),
    keys: log.keysLeftMs === 0 ? 0 : (now + log.keysLeftMs).toFixed(0),
    floor: floor.offset,
    trimmed: sums.first?.offset === 1 ? 0 : (sums.first?.offset ?? floor.offset),
    checkpoint,
    ttl: (now + leftMs * 1.25).toFixed(0),
    bytes: sums.bytes,
    floor_bytes: sums.floor,
    trimmed_bytes: sums.first?.offset === 1 ? 0 : (sums.first?.bytes ?? 0),
    checkpoint_bytes: sums.checkpoint,
    ...(end === undefined ? {} : { end: packed(end) }),
    ...(log.ids === 0 ? {} : { ids: `${owners[0]?.number ?? log.ids} ${log.ids}` }),
  };
  for (const { id, owner, number } of owners) {
    fields[`at:${number}`] = id;
    fields[`of:${id}`] = `${number} ${owner}`;
  }
  const texts = Object.entries(fields).map(([name, value]) => [name, String(value)] as const);
  // The metadata come last: without them there is no log.
  await writer.hash(meta, ttlMs, texts);
}

/**
 * Returns the entries as the stream has them, with the one at the floor: scripts need its tag, also after the next append
 * to a log whose entries are all trimmed.
 */
function* packedEntries(log: PortableLog): Iterable<Packed & { readonly ts: number }> {
  const { channel, floor, head } = log;
  let before: { readonly offset: number; readonly tag: string } = { offset: 0, tag: noTag };
  let bytes = 0;
  for (const entry of log.entries()) {
    const { offset, tag } = entry.position;
    if (before.offset < floor.offset && offset > floor.offset) {
      yield trimmedAt(log, bytes, entry.ts);
      before = floor;
    }
    bytes += utf8Length(entry.json);
    const previousTag = offset === before.offset + 1 ? before.tag : noTag;
    yield { offset, bytes, text: packed({ ...entry, previousTag }), ts: entry.ts };
    before = { offset, tag };
  }
  if (before.offset < floor.offset) {
    yield trimmedAt(log, bytes, 0);
    before = floor;
  }
  if (before.offset < head.offset) {
    throw new Error(`the log of ${channel} lacks its newest entries; run milepost doctor`);
  }
}

/** Returns what stands for the trimmed entry at the floor. */
function trimmedAt({ channel, floor }: PortableLog, bytes: number, ts: number) {
  const trimmed: Publication = {
    channel,
    position: floor,
    previousTag: noTag,
    event: "trimmed",
    json: "null",
    ts,
  };
  return { offset: floor.offset, bytes, text: packed(trimmed), ts };
}

function packed(publication: Publication): string {
  return `${headerOf(publication)}\n${publication.json}`;
}
