import type { Encoder } from "@milepost/core";
import {
  type DialectName,
  encodeEvent,
  encodeMsgpack,
  encodeMsgpackEvent,
  encodePlainPublication,
  encodeServerMessage,
  joinFrame,
  joinMsgpack,
  maxMessagesPerFrame,
  type PlainPublication,
  type Publication,
} from "@milepost/protocol";
import { frameBytes, frameText, frameTexts } from "./frame.ts";

/** The SDK's dialect: the publications of a tick are one frame with an array. */
const jsonEncoder: Encoder = {
  dialect: "milepost.v1.json",
  encodeBatch(publications) {
    const messages = publications.map(encodeEvent);
    if (messages.length <= maxMessagesPerFrame) return frameText(joinFrame(messages));
    const frames: string[] = [];
    for (let from = 0; from < messages.length; from += maxMessagesPerFrame) {
      frames.push(joinFrame(messages.slice(from, from + maxMessagesPerFrame)));
    }
    return frameTexts(frames);
  },
  encodeMessage: (message) => frameText(encodeServerMessage(message)),
  encodeText: frameText,
};

/** The same messages as msgpack: the data of a publication is parsed once per batch, whoever reads it. */
const msgpackEncoder: Encoder = {
  dialect: "milepost.v1.msgpack",
  encodeBatch(publications) {
    const messages = publications.map(encodeMsgpackEvent);
    if (messages.length <= maxMessagesPerFrame) return frameBytes(joinMsgpack(messages));
    const frames: Uint8Array[] = [];
    for (let from = 0; from < messages.length; from += maxMessagesPerFrame) {
      frames.push(frameBytes(joinMsgpack(messages.slice(from, from + maxMessagesPerFrame))));
    }
    return Buffer.concat(frames);
  },
  encodeMessage: (message) => frameBytes(encodeMsgpack(message)),
  encodeText: (text) => frameBytes(encodeMsgpack(JSON.parse(text))),
};

/** Batches but for their cursors; the hub hands the same one to every reader that has a cursor of its own. */
const plainBatches = new WeakMap<readonly Publication[], readonly PlainPublication[]>();

/** The publications of a batch but for their cursors, encoded once whoever asks. */
export function encodedPlain(publications: readonly Publication[]): readonly PlainPublication[] {
  let encoded = plainBatches.get(publications);
  if (encoded === undefined) {
    encoded = publications.map(encodePlainPublication);
    plainBatches.set(publications, encoded);
  }
  return encoded;
}

/** The dialect of a bare WebSocket: a frame per publication, all of a tick in one buffer. */
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

/** The one encoder of each dialect, shared by all connections. */
export const encoders: Readonly<Record<DialectName, Encoder>> = {
  plain: plainEncoder,
  "milepost.v1.json": jsonEncoder,
  "milepost.v1.msgpack": msgpackEncoder,
};
