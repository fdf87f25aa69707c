import { Buffer } from "node:buffer";
import type { Encoder } from "@milepost/core";
import {
  encodeEvent,
  encodePlainPublication,
  encodeServerMessage,
  joinFrame,
} from "@milepost/protocol";

const headBytes = 4;

/** Puts texts into one buffer, each behind its length: a stand-in for WebSocket frames. */
function framed(texts: readonly string[]): Uint8Array {
  let size = 0;
  for (const text of texts) size += headBytes + Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const text of texts) {
    const length = bytes.write(text, at + headBytes);
    bytes.writeUInt32BE(length, at);
    at += headBytes + length;
  }
  return bytes;
}

/** The texts of framed bytes. */
export function unframed(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < buffer.length; ) {
    const end = at + headBytes + buffer.readUInt32BE(at);
    texts.push(buffer.toString("utf8", at + headBytes, end));
    at = end;
  }
  return texts;
}

/** The encoder of a dialect; one object for all connections of a node, as a door has one. */
export function makeEncoder(dialect: Encoder["dialect"]): Encoder {
  return {
    dialect,
    encodeBatch(publications, cursorOf) {
      if (dialect !== "plain") return framed([joinFrame(publications.map(encodeEvent))]);
      return framed(
        publications.map((publication) => {
          const { head, tail } = encodePlainPublication(publication);
          return head + cursorOf(publication) + tail;
        }),
      );
    },
    encodeMessage: (message) => framed([encodeServerMessage(message)]),
    encodeText: (text) => framed([text]),
  };
}
