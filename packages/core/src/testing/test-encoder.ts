import {
  encodeEvent,
  encodePlainPublication,
  encodeServerMessage,
  joinFrame,
} from "@milepost/protocol";
import type { Encoder } from "../transport.ts";

const lengthBytes = 4;

/** Frames texts by their length: a stand-in for WebSocket framing. */
function framed(texts: readonly string[]): Uint8Array {
  const parts = texts.map((text) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + lengthBytes + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length);
    bytes.set(part, at + lengthBytes);
    at += lengthBytes + part.length;
  }
  return bytes;
}

/** The texts of framed bytes. */
export function unframed(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + lengthBytes + view.getUint32(at);
    texts.push(new TextDecoder().decode(bytes.subarray(at + lengthBytes, end)));
    at = end;
  }
  return texts;
}

/** An encoder of the dialect that frames for {@link unframed}; one object, as a door has one. */
export function testEncoder(dialect: Encoder["dialect"]): Encoder {
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
