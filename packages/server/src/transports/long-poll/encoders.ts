import type { Encoder } from "@milepost/core";
import {
  encodeEvent,
  encodePlainPublication,
  encodeServerMessage,
  endEvent,
  isRecord,
  type Publication,
  type ServerMessage,
  type TextDialectName,
} from "@milepost/protocol";

/**
 * Kinds of message for a poll, stored with each message so that the message need not be parsed again.
 *
 * - `welcome`: the welcome message.
 * - `continued`: a channel continues at the client's position.
 * - `started`: a channel begins at another position.
 * - `refused`: a channel does not begin.
 * - `news`: an entry, or another message that makes the poll answer.
 * - `end`: the end of a channel.
 * - `aside`: a message that alone does not make the poll answer.
 */
export const pollKinds = [
  "welcome",
  "continued",
  "started",
  "refused",
  "news",
  "end",
  "aside",
] as const;

/** One of {@link pollKinds}. */
export type PollKind = (typeof pollKinds)[number];

/** A message as a poll collects it. */
export interface PollItem {
  readonly kind: PollKind;
  /** The client's cursor after this message; empty when the message has none. */
  readonly cursor: string;
  readonly json: string;
}

/**
 * Encodes one item as a line: kind, cursor and document.
 *
 * None of the three contains a tab or a line end, since the JSON is compact.
 */
function line(kind: PollKind, cursor: string, json: string): string {
  return `${kind}\t${cursor}\t${json}\n`;
}

/** Decodes the bytes of a poll's encoder into items. */
export function readPollItems(bytes: Uint8Array): PollItem[] {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString()
    .split("\n");
  return lines.slice(0, -1).map((text) => {
    const [kind = "aside", cursor = ""] = text.split("\t", 2);
    return { kind: kind as PollKind, cursor, json: text.slice(kind.length + cursor.length + 2) };
  });
}

function kindOf(message: ServerMessage): PollKind {
  switch (message.type) {
    case "welcome":
      return "welcome";
    case "subscribed":
      return message.recovered ? "continued" : "started";
    case "reply":
      if ("error" in message) return "refused";
      return isRecord(message.result) && message.result.recovered === true
        ? "continued"
        : "started";
    case "notice":
    case "ping":
    case "pong":
      return "aside";
    default:
      return "news";
  }
}

function kindOfEntry({ event }: Publication): PollKind {
  return event === endEvent ? "end" : "news";
}

function encodeMessage(message: ServerMessage): Uint8Array {
  const cursor = ("event_id" in message && message.event_id) || "";
  return Buffer.from(line(kindOf(message), cursor, encodeServerMessage(message)));
}

const encodeText = (text: string) => Buffer.from(line("news", "", text));

/** Encoders for polls, by dialect, shared by all polls. */
export const pollEncoders: Readonly<Record<TextDialectName, Encoder>> = {
  plain: {
    dialect: "plain",
    encodeBatch(publications, cursorOf) {
      let text = "";
      for (const publication of publications) {
        const { head, tail } = encodePlainPublication(publication);
        const cursor = cursorOf(publication);
        text += line(kindOfEntry(publication), cursor, head + cursor + tail);
      }
      return Buffer.from(text);
    },
    encodeMessage,
    encodeText,
  },
  "milepost.v1.json": {
    dialect: "milepost.v1.json",
    encodeBatch: (publications) =>
      Buffer.from(
        publications
          .map((publication) => line(kindOfEntry(publication), "", encodeEvent(publication)))
          .join(""),
      ),
    encodeMessage,
    encodeText,
  },
};
