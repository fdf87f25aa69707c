import type { Tamper } from "../link.ts";
import type { DoorParts } from "./mutant.ts";

/** Parsed message of any dialect. */
export interface WireMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Answer to a subscribe, with the position where it starts. */
export interface Answer {
  readonly [field: string]: unknown;
}

/** Message types of the protocol itself; any other type from a node is a publication of the plain dialect. */
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

/** Returns a tamper that works on single messages, regardless of the frames they arrive in. */
export function spoilFrames(
  { dialect }: DoorParts,
  spoil: {
    /** Returns the messages to send in place of the given ones. */
    outbound?(messages: readonly WireMessage[]): readonly WireMessage[];
    /** Returns the message to deliver to the node in place of the given one; undefined drops it. */
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

/** Returns the answer to a subscribe that a message carries; undefined when it carries none. */
export function answerIn(message: WireMessage): Answer | undefined {
  if (message.type === "subscribed") return message;
  const result = message.result as Answer | null | undefined;
  return message.type === "reply" && result?.recovered !== undefined ? result : undefined;
}
