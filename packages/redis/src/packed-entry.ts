import type { Priority, Publication } from "@milepost/protocol";

/**
 * Parses an entry as the scripts write it to the stream and the bus. A header line holds epoch, offset, tag,
 * tag of the entry before it, time, priority, event and, in a roll-up, the source. The data follows as JSON
 * text.
 */
export function unpackEntry(channel: string, packed: string): Publication {
  const end = packed.indexOf("\n");
  const [
    epoch = "",
    offset = "",
    tag = "",
    previousTag = "",
    ts = "",
    priority,
    event = "",
    source,
  ] = packed.slice(0, end < 0 ? undefined : end).split(" ");
  return {
    channel,
    position: { epoch, offset: Number(offset), tag },
    previousTag,
    event,
    json: end < 0 ? "null" : packed.slice(end + 1),
    ts: Number(ts),
    ...(source === undefined ? undefined : { source }),
    ...(priority === "-" ? undefined : { priority: priority as Priority }),
  };
}
