import type { Parsed } from "./failure.ts";
import { carriedFields, messagesOf } from "./json-dialect.ts";
import { JsonText } from "./json-text.ts";
import { decodeMsgpackMessages } from "./msgpack-decode.ts";
import { encodeMsgpack } from "./msgpack-encode.ts";
import { formatPosition } from "./position.ts";
import { endEvent, type Publication } from "./publication.ts";

/**
 * Encodes a publication in `milepost.v1.msgpack`, with the same fields as in JSON. The entry that ends a log
 * becomes an `end` message.
 */
export function encodeMsgpackEvent(publication: Publication): Uint8Array {
  const {
    channel,
    source,
    position,
    since,
    event,
    json,
    ts,
    attempt,
    sig,
    publisher,
    traceparent,
  } = publication;
  const at = formatPosition(position);
  if (event === endEvent) {
    return encodeMsgpack({ type: "end", channel, position: at, ...JSON.parse(json) });
  }
  return encodeMsgpack({
    type: "event",
    channel,
    source,
    position: at,
    since: since && formatPosition(since),
    event,
    data: new JsonText(json),
    ts,
    attempt: attempt !== undefined && attempt > 1 ? attempt : undefined,
    sig,
    publisher,
    traceparent,
  });
}

/**
 * Splits a frame of `milepost.v1.msgpack` into the values of its messages, which are still to be parsed. The
 * fields that a message carries are `JsonText`, as in {@link splitFrame}.
 */
export function splitMsgpackFrame(bytes: Uint8Array): Parsed<readonly unknown[]> {
  const frame = decodeMsgpackMessages(bytes, carriedFields);
  return frame.ok ? messagesOf(frame.value) : frame;
}
