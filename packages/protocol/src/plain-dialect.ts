import type { Publication } from "./publication.ts";

/**
 * A publication of the plain dialect, cut where the reader's cursor belongs.
 *
 * One object per frame: `{"type": event, "event_id": cursor, "timestamp": ISO, "channel", "data"}`.
 * Everything but the cursor is the same for every reader.
 */
export interface PlainPublication {
  readonly head: string;
  readonly tail: string;
}

/** Encodes a publication but for its cursor, which is spliced between the two parts. */
export function encodePlainPublication(publication: Publication): PlainPublication {
  const { channel, event, json, ts } = publication;
  return {
    head: `{"type":"${event}","event_id":"`,
    tail: `","timestamp":"${new Date(ts).toISOString()}","channel":"${channel}","data":${json}}`,
  };
}
