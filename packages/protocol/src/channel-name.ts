import { type Parsed, parsed, refused } from "./failure.ts";

/** The most bytes a channel name may have; its characters are ASCII, so bytes are characters. */
export const maxChannelBytes = 255;

const name = /^[A-Za-z0-9_.~-]+(?::[A-Za-z0-9_.~-]+)*$/;
const segment = /^[A-Za-z0-9_.~-]+$/;

/** Whether `text` is the name of one channel: segments of `[A-Za-z0-9_.~-]+` joined by `:`. */
export function isChannelName(text: unknown): text is string {
  return typeof text === "string" && text.length <= maxChannelBytes && name.test(text);
}

/** Whether `text` may stand as one segment of a channel name, for instance as an id. */
export function isChannelSegment(text: unknown): text is string {
  return typeof text === "string" && text.length <= maxChannelBytes && segment.test(text);
}

/** Whether a name that can be read addresses everything below a prefix, as `collection:42:*` does. */
export function isWildcard(name: string): boolean {
  return name.endsWith(":*");
}

/** Whether `text` is a name that one can subscribe to. */
export function isReadableName(text: unknown): text is string {
  if (isChannelName(text)) return true;
  const short = typeof text === "string" && text.length <= maxChannelBytes;
  return short && isWildcard(text) && name.test(text.slice(0, -2));
}

/**
 * Reads a name that one can subscribe to: that of one channel, or of everything below a prefix. Whether a rule
 * offers the latter is another question.
 */
export function parseReadableName(text: unknown): Parsed<string> {
  return isReadableName(text) ? parsed(text) : parseChannelName(text);
}

/** Reads the name of one channel; what it refuses is `invalid_channel` and says why. */
export function parseChannelName(text: unknown): Parsed<string> {
  if (isChannelName(text)) return parsed(text);
  if (typeof text !== "string") return refused("invalid_channel", "channel must be a string");
  if (text.length === 0) return refused("invalid_channel", "channel is empty");
  if (text.length > maxChannelBytes) {
    return refused("invalid_channel", `channel is longer than ${maxChannelBytes} bytes`);
  }
  if (isWildcard(text) && name.test(text.slice(0, -2))) {
    return refused(
      "invalid_channel",
      "a name that ends in :* is only for reading; name one channel",
    );
  }
  return refused(
    "invalid_channel",
    "channel must be segments of letters, digits, '_', '.', '~' or '-', joined by ':'",
  );
}
