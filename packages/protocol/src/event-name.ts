import { type Parsed, parsed, refused } from "./failure.ts";

/** Maximum length of an event name, in characters. */
export const maxEventNameLength = 128;

/**
 * Event names that the protocol itself uses as `type`. They are reserved, so no publication can look like a
 * protocol message.
 */
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

/**
 * Parses an event name: 1–128 characters of `[A-Za-z0-9_.:~-]`. Refuses the reserved names and other values
 * with `invalid_event`.
 */
export function parseEventName(text: unknown): Parsed<string> {
  if (typeof text !== "string" || text.length > maxEventNameLength || !grammar.test(text)) {
    return refused(
      "invalid_event",
      `event must be 1 to ${maxEventNameLength} letters, digits, '_', '.', ':', '~' or '-'`,
    );
  }
  if (reserved.has(text)) {
    return refused(
      "invalid_event",
      `event "${text}" is reserved for the protocol; choose another name`,
    );
  }
  return parsed(text);
}
