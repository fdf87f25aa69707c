import { type Parsed, parsed, refused } from "./failure.ts";

/** Maximum length of a channel name, in bytes. Names are ASCII, so this is also the maximum in characters. */
export const maxChannelBytes = 255;

const name = /^[A-Za-z0-9_.~-]+(?::[A-Za-z0-9_.~-]+)*$/;
const segment = /^[A-Za-z0-9_.~-]+$/;

/**
 * True if `text` is the name of one channel: at most {@link maxChannelBytes} bytes, as segments of
 * `[A-Za-z0-9_.~-]+` joined by `:`.
 */
export function isChannelName(text: unknown): text is string {
  return typeof text === "string" && text.length <= maxChannelBytes && name.test(text);
}

/**
 * True if `text` is one valid segment of a channel name, for instance the id in `chat:{id}`: 1 to {@link
 * maxChannelBytes} characters of `[A-Za-z0-9_.~-]`, without a colon.
 */
export function isChannelSegment(text: unknown): text is string {
  return typeof text === "string" && text.length <= maxChannelBytes && segment.test(text);
}

/** True if a readable name is a wildcard, which addresses everything below a prefix: `collection:42:*`. */
export function isWildcard(name: string): boolean {
  return name.endsWith(":*");
}

/**
 * True if `text` is a name to subscribe to: the name of one channel, or a wildcard such as `collection:42:*`.
 */
export function isReadableName(text: unknown): text is string {
  if (isChannelName(text)) return true;
  const short = typeof text === "string" && text.length <= maxChannelBytes;
  return short && isWildcard(text) && name.test(text.slice(0, -2));
}

/**
 * Parses a name to subscribe to: the name of one channel, or a wildcard for everything below a prefix. Does not
 * check that a rule offers the wildcard. Refuses other values with `invalid_channel`.
 */
export function parseReadableName(text: unknown): Parsed<string> {
  return isReadableName(text) ? parsed(text) : parseChannelName(text);
}

/** Parses the name of one channel. Refuses other values with `invalid_channel` and the reason. */
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
