import type { Incoming } from "../dialects/literal-message.ts";

/** Bytes of a frame that are parsed for one unit of work. */
const bytesPerUnit = 4_096;

/** Returns the units of work that splitting a frame of `length` takes; see `Turns`. */
export function unitsOfFrame(length: number): number {
  return Math.floor(length / bytesPerUnit);
}

/** Returns the units of work that a message takes: most for those that read from a log or verify a credential. */
export function unitsOfMessage(message: Incoming): number {
  if (!message.ok) return 1;
  switch (message.value.type) {
    case "request":
      return 16;
    case "subscribe":
      return 8;
    case "auth":
      return 4;
    case "unsubscribe":
      return 2;
    default:
      return 1;
  }
}
