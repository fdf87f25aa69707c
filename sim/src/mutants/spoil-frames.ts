import type { Tamper } from "../link.ts";
import type { DoorParts } from "./mutant.ts";

/** A message of either dialect, read. */
export interface WireMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Where a subscription starts. */
export interface Answer {
  readonly [field: string]: unknown;
}

/** Messages of a node that are none of the protocol's own are publications of the plain dialect. */
const ownTypes = new Set([
  "welcome",
  "reply",
  "subscribed",
  "gap",
  "reset",
  "notice",
  "end",
  "unsubscribed",
  "ping",
  "pong",
  "error",
]);

export function isPublication({ type }: WireMessage): boolean {
  return !ownTypes.has(type);
}

/** A tamper that works on single messages, whatever frames they come in. */
export function spoilFrames(
  { dialect }: DoorParts,
  spoil: {
    /** What is sent instead of these messages. */
    outbound?(messages: readonly WireMessage[]): readonly WireMessage[];
    /** What is heard instead; undefined swallows it. */
    inbound?(message: WireMessage): WireMessage | undefined;
  },
): Tamper {
  return {
    outbound(texts) {
      if (spoil.outbound === undefined) return texts;
      const messages = texts.flatMap((text) => {
        const read = JSON.parse(text) as WireMessage | WireMessage[];
        return Array.isArray(read) ? read : [read];
      });
      const spoilt = spoil.outbound(messages);
      if (dialect !== "plain" && spoilt.length > 1) return [JSON.stringify(spoilt)];
      return spoilt.map((message) => JSON.stringify(message));
    },
    inbound(text) {
      if (spoil.inbound === undefined) return text;
      const spoilt = spoil.inbound(JSON.parse(text) as WireMessage);
      return spoilt === undefined ? undefined : JSON.stringify(spoilt);
    },
  };
}

/** The answer to a subscribe in a message, if it is one. */
export function answerIn(message: WireMessage): Answer | undefined {
  if (message.type === "subscribed") return message;
  const result = message.result as Answer | null | undefined;
  return message.type === "reply" && result?.recovered !== undefined ? result : undefined;
}
