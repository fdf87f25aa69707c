import {
  encodeEvent,
  encodePlainPublication,
  encodeServerMessage,
  encodeShortEvent,
  joinFrame,
} from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";

const lengthBytes = 4;
/** Maximum number of UTF-8 bytes for one UTF-16 unit. */
const mostBytes = 3;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Frames texts by writing the length of each in front of it, in place of WebSocket framing. */
function framed(texts: readonly string[]): Uint8Array {
  const most = texts.reduce((sum, { length }) => sum + lengthBytes + length * mostBytes, 0);
  const bytes = new Uint8Array(most);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of texts) {
    const { written } = encoder.encodeInto(text, bytes.subarray(at + lengthBytes));
    view.setUint32(at, written);
    at += lengthBytes + written;
  }
  return bytes.subarray(0, at);
}

/** Returns the texts in framed bytes. */
export function unframed(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + lengthBytes + view.getUint32(at);
    texts.push(decoder.decode(bytes.subarray(at + lengthBytes, end)));
    at = end;
  }
  return texts;
}

/**
 * Creates an encoder for the dialect, whose frames {@link unframed} reads. All connections of one dialect share
 * an encoder, as in a real server. With `short`, publications have the short form.
 */
export function testEncoder(dialect: Encoder["dialect"], form?: "short"): Encoder {
  return {
    dialect,
    ...(form === "short" && { isShort: true }),
    encodeBatch(publications, cursorOf, number) {
      if (form === "short" && number !== undefined)
        return framed([joinFrame(publications.map((entry) => encodeShortEvent(entry, number)))]);
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
