import { attemptField, endWith } from "./json-dialect.ts";
import { formatPosition } from "./position.ts";
import { endEvent, type Publication } from "./publication.ts";

/**
 * A publication in the plain dialect, in two parts. The subscriber's cursor belongs between `head` and `tail`.
 *
 * The message is one object per frame: `{"type": event, "event_id": cursor, "timestamp": ISO, "channel",
 * "source"?, "data"}`. Everything except the cursor is the same for every subscriber. A durable subscriber
 * acknowledges the position of the entry, so its message also has `position` after the data and, from the
 * second delivery on, `attempt`. A signed publication has `sig`, and one of a channel
 * that shows publishers has `publisher`. A traced one has `traceparent`.
 */
export interface PlainPublication {
  readonly head: string;
  readonly tail: string;
}

/**
 * Encodes a publication as the text before the subscriber's cursor and the text after it. The entry that ends a
 * log becomes an `end` message.
 */
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
      : `"data":${json}${delivery}${endWith(publication)}`;
  return {
    head: `{"type":"${event}","event_id":"`,
    tail: `","timestamp":"${new Date(ts).toISOString()}","channel":"${channel}"${origin},${content}`,
  };
}
