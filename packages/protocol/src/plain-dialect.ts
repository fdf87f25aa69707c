import { attemptField } from "./json-dialect.ts";
import { formatPosition } from "./position.ts";
import { endEvent, type Publication } from "./publication.ts";

/**
 * A publication of the plain dialect, cut where the reader's cursor belongs.
 *
 * One object per frame: `{"type": event, "event_id": cursor, "timestamp": ISO, "channel", "source"?, "data"}`.
 * Everything but the cursor is the same for every reader. A durable subscriber needs the entry's own position
 * to acknowledge it: `position` and, from the second time on, `attempt` follow the data.
 */
export interface PlainPublication {
  readonly head: string;
  readonly tail: string;
}

/** Encodes a publication but for its cursor, which is spliced between the two parts. The end of a log is an `end` message. */
export function encodePlainPublication(publication: Publication): PlainPublication {
  const { channel, source, position, event, json, ts, attempt } = publication;
  const origin = source === undefined ? "" : `,"source":"${source}"`;
  const delivery =
    attempt === undefined
      ? ""
      : `,"position":"${formatPosition(position)}"${attemptField(attempt)}`;
  const content =
    event === endEvent
      ? `"position":"${formatPosition(position)}",${json.slice(1)}`
      : `"data":${json}${delivery}}`;
  return {
    head: `{"type":"${event}","event_id":"`,
    tail: `","timestamp":"${new Date(ts).toISOString()}","channel":"${channel}"${origin},${content}`,
  };
}
