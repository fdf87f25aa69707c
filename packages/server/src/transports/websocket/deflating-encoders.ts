import type { Encoder } from "@milepost/core";
import type { DialectName } from "@milepost/protocol";
import { deflate, minDeflatedBytes, stored } from "./deflate.ts";
import { encodedPlain, encoders, shortEncoders } from "./encoders.ts";
import { deflatedFrame, frameText, readFrames } from "./frame.ts";

/**
 * Wraps an encoder so that it compresses each frame that becomes smaller by it, once for all subscribers that
 * share the bytes.
 */
function deflating(encoder: Encoder): Encoder {
  return {
    ...encoder,
    encodeBatch: (publications, cursorOf, number) =>
      deflated(encoder.encodeBatch(publications, cursorOf, number)),
    encodeMessage: (message) => deflated(encoder.encodeMessage(message)),
    encodeText: (text) => deflated(encoder.encodeText(text)),
  };
}

function deflated(bytes: Uint8Array): Uint8Array {
  if (bytes.length < minDeflatedBytes) return bytes;
  const frames: Uint8Array[] = [];
  for (const { frame, payload, isBinary } of readFrames(bytes)) {
    const smaller = payload.length < minDeflatedBytes ? undefined : deflate(payload);
    const isWorthIt = smaller !== undefined && smaller.length < payload.length;
    frames.push(isWorthIt ? deflatedFrame([smaller], isBinary) : frame);
  }
  const [only] = frames;
  return only !== undefined && frames.length === 1 ? only : Buffer.concat(frames);
}

/**
 * Compressed tails of plain publications. A tail is the part after the subscriber's cursor, so all subscribers
 * share it.
 */
const deflatedTails = new WeakMap<object, Uint8Array>();

const plain: Encoder = {
  ...deflating(encoders.plain),
  encodeBatch(publications, cursorOf) {
    const encoded = encodedPlain(publications);
    const frames = publications.map((publication, i) => {
      const { head, tail } = encoded[i] ?? { head: "", tail: "" };
      const start = head + cursorOf(publication);
      if (tail.length < minDeflatedBytes) return frameText(start + tail);
      let end = deflatedTails.get(encoded[i] ?? {});
      if (end === undefined) {
        end = deflate(Buffer.from(tail));
        deflatedTails.set(encoded[i] ?? {}, end);
      }
      return deflatedFrame([stored(Buffer.from(start)), end], false);
    });
    return Buffer.concat(frames);
  },
};

/** Encoders for connections with compression, by dialect, shared by all of them. */
export const deflatingEncoders: Readonly<Record<DialectName, Encoder>> = {
  plain,
  "milepost.v1.json": deflating(encoders["milepost.v1.json"]),
  "milepost.v1.msgpack": deflating(encoders["milepost.v1.msgpack"]),
};

/** Encoders for connections with compression whose clients read the short form, by dialect. */
export const shortDeflatingEncoders: Readonly<Record<DialectName, Encoder>> = {
  plain,
  "milepost.v1.json": deflating(shortEncoders["milepost.v1.json"]),
  "milepost.v1.msgpack": deflating(shortEncoders["milepost.v1.msgpack"]),
};
