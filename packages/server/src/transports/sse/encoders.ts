import type { Encoder } from "@milepost/core";
import {
  encodeEvent,
  encodePlainPublication,
  encodeServerMessage,
  encodeSseEvent,
  joinFrame,
  type TextDialectName,
} from "@milepost/protocol";

/** Event names that browsers use for an EventSource's own events. */
const browserNames: ReadonlySet<string> = new Set(["open", "error", "message"]);

/** Returns the SSE event name for the type of a document; empty for types that browsers use themselves. */
export function sseName(type: string): { readonly event?: string } {
  return browserNames.has(type) ? {} : { event: type };
}

function plainEncoder(nameOf: (type: string) => { readonly event?: string }): Encoder {
  return {
    dialect: "plain",
    encodeBatch(publications, cursorOf) {
      let text = "";
      for (const publication of publications) {
        const { head, tail } = encodePlainPublication(publication);
        const id = cursorOf(publication);
        text += encodeSseEvent({ id, ...nameOf(publication.event), data: head + id + tail });
      }
      return Buffer.from(text);
    },
    encodeMessage(message) {
      const id = "event_id" in message ? message.event_id : undefined;
      const data = encodeServerMessage(message);
      return Buffer.from(
        encodeSseEvent({ ...(id !== undefined && { id }), ...nameOf(message.type), data }),
      );
    },
    encodeText: (data) => Buffer.from(encodeSseEvent({ data })),
  };
}

/**
 * Encoder of the SDK's dialect: a batch of publications is one event. Each publication carries its position, so
 * events need no ids.
 */
const jsonEncoder: Encoder = {
  dialect: "milepost.v1.json",
  encodeBatch: (publications) =>
    Buffer.from(encodeSseEvent({ data: joinFrame(publications.map(encodeEvent)) })),
  encodeMessage: (message) => Buffer.from(encodeSseEvent({ data: encodeServerMessage(message) })),
  encodeText: (data) => Buffer.from(encodeSseEvent({ data })),
};

/** Form in which a stream is written: a dialect, or the plain one with named events. */
export type SseForm = TextDialectName | "plain-named";

/** Encoders for SSE streams, by form, shared by all streams. */
export const sseEncoders: Readonly<Record<SseForm, Encoder>> = {
  plain: plainEncoder(() => ({})),
  "plain-named": plainEncoder(sseName),
  "milepost.v1.json": jsonEncoder,
};
