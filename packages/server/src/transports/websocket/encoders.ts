import type { Encoder } from "@milepost/core";
import {
  type DialectName,
  encodeEvent,
  encodeMsgpack,
  encodeMsgpackEvent,
  encodePlainPublication,
  encodeServerMessage,
  encodeShortEvent,
  encodeShortMsgpackEvent,
  joinFrame,
  joinMsgpack,
  maxMessagesPerFrame,
  type PlainPublication,
  type Publication,
} from "@milepost/protocol";
import { frameBytes, frameText, frameTexts } from "./frame.ts";

/** Returns messages of `milepost.v1.json`, framed. */
function framedTexts(messages: readonly string[]): Uint8Array {
  if (messages.length <= maxMessagesPerFrame) return frameText(joinFrame(messages));
  const frames: string[] = [];
  for (let from = 0; from < messages.length; from += maxMessagesPerFrame) {
    frames.push(joinFrame(messages.slice(from, from + maxMessagesPerFrame)));
  }
  return frameTexts(frames);
}

/** Returns messages of `milepost.v1.msgpack`, framed. */
function framedBytes(messages: readonly Uint8Array[]): Uint8Array {
  if (messages.length <= maxMessagesPerFrame) return frameBytes(joinMsgpack(messages));
  const frames: Uint8Array[] = [];
  for (let from = 0; from < messages.length; from += maxMessagesPerFrame) {
    frames.push(frameBytes(joinMsgpack(messages.slice(from, from + maxMessagesPerFrame))));
  }
  return Buffer.concat(frames);
}

/**
 * Encoder of the SDK's dialect: a batch of publications is one frame, or several if it has more than 1,000
 * publications.
 */
const jsonEncoder: Encoder = {
  dialect: "milepost.v1.json",
  encodeBatch: (publications) => framedTexts(publications.map(encodeEvent)),
  encodeMessage: (message) => frameText(encodeServerMessage(message)),
  encodeText: frameText,
};

/**
 * Encoder of msgpack with the same messages. The data of a publication is parsed once per batch for all
 * subscribers.
 */
const msgpackEncoder: Encoder = {
  dialect: "milepost.v1.msgpack",
  encodeBatch: (publications) => framedBytes(publications.map(encodeMsgpackEvent)),
  encodeMessage: (message) => frameBytes(encodeMsgpack(message)),
  encodeText: (text) => frameBytes(encodeMsgpack(JSON.parse(text))),
};

/**
 * Encoded batches without their cursors. The hub passes the same batch once for each subscriber, with that
 * subscriber's cursor.
 */
const plainBatches = new WeakMap<readonly Publication[], readonly PlainPublication[]>();

/** Encodes the publications of a batch without their cursors, once per batch for all subscribers. */
export function encodedPlain(publications: readonly Publication[]): readonly PlainPublication[] {
  let encoded = plainBatches.get(publications);
  if (encoded === undefined) {
    encoded = publications.map(encodePlainPublication);
    plainBatches.set(publications, encoded);
  }
  return encoded;
}

/**
 * Encoder of the plain dialect, for WebSockets without the SDK: one frame per publication, all of a tick in one
 * buffer.
 */
const plainEncoder: Encoder = {
  dialect: "plain",
  encodeBatch(publications, cursorOf) {
    const encoded = encodedPlain(publications);
    const texts: string[] = [];
    for (const [i, publication] of publications.entries()) {
      const { head = "", tail = "" } = encoded[i] ?? {};
      texts.push(head + cursorOf(publication) + tail);
    }
    return frameTexts(texts);
  },
  encodeMessage: (message) => frameText(encodeServerMessage(message)),
  encodeText: frameText,
};

/**
 * Encoder of the same dialect with publications in the short form. Publications of a log without a number have the long
 * form.
 */
const shortJsonEncoder: Encoder = {
  ...jsonEncoder,
  isShort: true,
  encodeBatch: (publications, cursorOf, number) =>
    number === undefined
      ? jsonEncoder.encodeBatch(publications, cursorOf)
      : framedTexts(publications.map((publication) => encodeShortEvent(publication, number))),
};

const shortMsgpackEncoder: Encoder = {
  ...msgpackEncoder,
  isShort: true,
  encodeBatch: (publications, cursorOf, number) =>
    number === undefined
      ? msgpackEncoder.encodeBatch(publications, cursorOf)
      : framedBytes(
          publications.map((publication) => encodeShortMsgpackEvent(publication, number)),
        ),
};

/** Encoders for WebSockets, by dialect, shared by all connections. */
export const encoders: Readonly<Record<DialectName, Encoder>> = {
  plain: plainEncoder,
  "milepost.v1.json": jsonEncoder,
  "milepost.v1.msgpack": msgpackEncoder,
};

/** Encoders for WebSockets whose clients read the short form, by dialect. The plain dialect has none. */
export const shortEncoders: Readonly<Record<DialectName, Encoder>> = {
  plain: plainEncoder,
  "milepost.v1.json": shortJsonEncoder,
  "milepost.v1.msgpack": shortMsgpackEncoder,
};
