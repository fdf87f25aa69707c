import { encodeEvent } from "./json-dialect.ts";
import { JsonText } from "./json-text.ts";
import { encodeMsgpackEvent } from "./msgpack-dialect.ts";
import { encodeMsgpack } from "./msgpack-encode.ts";
import { formatPosition } from "./position.ts";
import { endEvent, type Publication } from "./publication.ts";
import type { NumberMessage } from "./server-message.ts";

/**
 * Number that stands for one log of a channel in the short form of its publications. A client must know it before the
 * first publication that uses it: {@link numberMessage} tells it.
 */
export interface ChannelNumber {
  readonly number: number;
  readonly channel: string;
  /** Epoch of the log. A publication with another epoch has no short form. */
  readonly epoch: string;
  /** Time from which the short form counts, in milliseconds since 1970. */
  readonly ts: number;
}

/** Returns the message that tells a client what a number stands for. */
export function numberMessage({ number, channel, epoch, ts }: ChannelNumber): NumberMessage {
  return { type: "number", number, channel, prefix: `${epoch}.`, ts };
}

/**
 * Encodes a publication in the short form of `milepost.v1.json.short`: `[number, rest of the position, event, data, time
 * since ts]`, and an object with the fields that few publications have. Copies the data without parsing it. A publication
 * of another epoch, and the entry that ends a log, has the long form.
 */
export function encodeShortEvent(publication: Publication, known: ChannelNumber): string {
  const { position, event, json, ts } = publication;
  const { epoch, offset, tag } = position;
  if (epoch !== known.epoch || event === endEvent) return encodeEvent(publication);
  const rare = rareFields(publication);
  const end = rare === undefined ? "]" : `,${JSON.stringify(rare)}]`;
  return `[${known.number},"${offset}.${tag}","${event}",${json},${ts - known.ts}${end}`;
}

/** Encodes a publication in the short form of `milepost.v1.msgpack.short`, with the same items as in JSON. */
export function encodeShortMsgpackEvent(
  publication: Publication,
  known: ChannelNumber,
): Uint8Array {
  const { position, event, json, ts } = publication;
  const { epoch, offset, tag } = position;
  if (epoch !== known.epoch || event === endEvent) return encodeMsgpackEvent(publication);
  const items = [known.number, `${offset}.${tag}`, event, new JsonText(json), ts - known.ts];
  const rare = rareFields(publication);
  return encodeMsgpack(rare === undefined ? items : [...items, rare]);
}

/** Returns the fields of a message that few publications have; undefined if this one has none of them. */
function rareFields({ source, since, attempt = 1, sig, publisher, traceparent }: Publication) {
  const isPlain = source === undefined && since === undefined && attempt <= 1;
  const isUnsigned = sig === undefined && publisher === undefined;
  if (isPlain && isUnsigned && traceparent === undefined) return undefined;
  return {
    ...(source !== undefined && { source }),
    ...(since !== undefined && { since: formatPosition(since) }),
    ...(attempt > 1 && { attempt }),
    ...(sig !== undefined && { sig }),
    ...(publisher !== undefined && { publisher }),
    ...(traceparent !== undefined && { traceparent }),
  };
}
