import type { Priority, Publication } from "@milepost/protocol";

/** Begin of the part with the signature; no channel name contains "=". */
const signaturePart = "sig=";

/**
 * Parses an entry as the scripts write it to the stream and the bus. A header line holds epoch, offset, tag,
 * tag of the entry before it, time, priority, event, in a roll-up the source, and `sig=` with the signature of a
 * signed entry. The data follows as JSON text.
 */
export function unpackEntry(channel: string, packed: string): Publication {
  const end = packed.indexOf("\n");
  const parts = packed.slice(0, end < 0 ? undefined : end).split(" ");
  const [epoch = "", offset = "", tag = "", previousTag = "", ts = "", priority, event = ""] =
    parts;
  const isFirst = parts[7]?.startsWith(signaturePart) === true;
  const source = isFirst ? undefined : parts[7];
  const sig = (isFirst ? parts[7] : parts[8])?.slice(signaturePart.length);
  return {
    channel,
    position: { epoch, offset: Number(offset), tag },
    previousTag,
    event,
    json: end < 0 ? "null" : packed.slice(end + 1),
    ts: Number(ts),
    ...(source === undefined ? undefined : { source }),
    ...(priority === "-" ? undefined : { priority: priority as Priority }),
    ...(sig === undefined ? undefined : { sig }),
  };
}
