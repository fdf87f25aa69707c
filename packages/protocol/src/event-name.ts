import { type Parsed, parsed, refused } from "./failure.ts";

/** The most characters an event name may have. */
export const maxEventNameLength = 128;

/** Names that the protocol itself uses as `type`, so that no publication can pass for one. */
export const reservedEventNames = [
  "welcome",
  "reply",
  "subscribed",
  "event",
  "gap",
  "reset",
  "presence",
  "chunk",
  "notice",
  "end",
  "unsubscribed",
  "close",
  "ping",
  "pong",
  "error",
  "ack",
  "nack",
  "auth",
  "subscribe",
  "unsubscribe",
  "publish",
  "request",
  "cancel",
] as const;

const grammar = /^[A-Za-z0-9_.:~-]+$/;
const reserved = new Set<string>(reservedEventNames);

/** Reads an event name: 1–128 of `[A-Za-z0-9_.:~-]`, none of the reserved names. */
export function parseEventName(text: unknown): Parsed<string> {
  if (typeof text !== "string" || text.length > maxEventNameLength || !grammar.test(text)) {
    return refused(
      "invalid_event",
      `event must be 1 to ${maxEventNameLength} letters, digits, '_', '.', ':', '~' or '-'`,
    );
  }
  if (reserved.has(text)) {
    return refused("invalid_event", `event "${text}" is a name of the protocol; choose another`);
  }
  return parsed(text);
}
