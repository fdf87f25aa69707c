import type { Parsed } from "./failure.ts";
import { messagesOf } from "./json-dialect.ts";
import { decodeMsgpack } from "./msgpack-decode.ts";
import { encodeMsgpack } from "./msgpack-encode.ts";
import { formatPosition } from "./position.ts";
import { endEvent, type Publication } from "./publication.ts";

/** A publication as `milepost.v1.msgpack` carries it: the same fields as in JSON, for the end of a log too. */
export function encodeMsgpackEvent(publication: Publication): Uint8Array {
  const { channel, source, position, since, event, json, ts, attempt } = publication;
  const at = formatPosition(position);
  const data: unknown = JSON.parse(json);
  if (event === endEvent) {
    return encodeMsgpack({ type: "end", channel, position: at, ...(data as object) });
  }
  return encodeMsgpack({
    type: "event",
    channel,
    source,
    position: at,
    since: since && formatPosition(since),
    event,
    data,
    ts,
    attempt: attempt !== undefined && attempt > 1 ? attempt : undefined,
  });
}

/** Takes a frame of `milepost.v1.msgpack` apart into the values of its messages, each yet to be read. */
export function splitMsgpackFrame(bytes: Uint8Array): Parsed<readonly unknown[]> {
  const frame = decodeMsgpack(bytes);
  return frame.ok ? messagesOf(frame.value) : frame;
}
