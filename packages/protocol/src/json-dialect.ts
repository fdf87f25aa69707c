import { type Parsed, parsed, refused } from "./failure.ts";
import { parseCarrying } from "./json-carrying.ts";
import { writeJson } from "./json-text.ts";
import { formatPosition } from "./position.ts";
import { endEvent, type Publication } from "./publication.ts";
import type { NumberMessage, ServerMessage } from "./server-message.ts";

/**
 * Encodes a publication in `milepost.v1.json`. Copies the publication's JSON data into the message without
 * parsing it. The entry that ends a log becomes an `end` message.
 */
export function encodeEvent(publication: Publication): string {
  const {
    channel,
    source,
    position,
    since,
    event,
    json,
    ts,
    attempt,
    sig,
    publisher,
    traceparent,
  } = publication;
  if (event === endEvent) {
    return `{"type":"end","channel":"${channel}","position":"${formatPosition(position)}",${json.slice(1)}`;
  }
  const origin = source === undefined ? "" : `,"source":"${source}"`;
  const from = since === undefined ? "" : `,"since":"${formatPosition(since)}"`;
  // Almost every entry takes the first way, so the common case costs no call.
  const end =
    attempt === undefined &&
    sig === undefined &&
    publisher === undefined &&
    traceparent === undefined
      ? "}"
      : attemptField(attempt) + endWith(publication);
  return `{"type":"event","channel":"${channel}"${origin},"position":"${formatPosition(position)}"${from},"event":"${event}","data":${json},"ts":${ts}${end}`;
}

/**
 * Returns the text of the JSON field `attempt`, which counts the deliveries of an entry to a durable
 * subscriber. Returns an empty text for the first delivery.
 */
export function attemptField(attempt = 1): string {
  return attempt > 1 ? `,"attempt":${attempt}` : "";
}

/**
 * Returns the end of a message: the JSON fields `sig`, `publisher` and `traceparent`, where present, and the closing
 * brace.
 */
export function endWith({
  sig,
  publisher,
  traceparent,
}: Pick<Publication, "sig" | "publisher" | "traceparent">): string {
  const signature = sig === undefined ? "" : `,"sig":"${sig}"`;
  const by = publisher === undefined ? "" : `,"publisher":"${publisher}"`;
  const trace = traceparent === undefined ? "" : `,"traceparent":"${traceparent}"`;
  return `${signature}${by}${trace}}`;
}

/**
 * Joins encoded messages into one frame. A single message is the frame itself; several messages become an
 * array.
 */
export function joinFrame(messages: readonly string[]): string {
  const [only] = messages;
  return messages.length === 1 && only !== undefined ? only : `[${messages.join(",")}]`;
}

/** Maximum number of messages that a client may put into one frame. */
export const maxMessagesPerFrame = 1_000;

/** Fields of a client's message that the gateway passes on as the client wrote them. */
export const carriedFields: readonly string[] = ["data", "params"];

/**
 * Splits a frame of `milepost.v1.json` into the values of its messages. Does not parse the messages. Their fields with
 * the names in `carried` are `JsonText`.
 */
export function splitFrame(
  text: string,
  carried: readonly string[] = carriedFields,
): Parsed<readonly unknown[]> {
  const json = parseCarrying(text, carried);
  return json.ok ? messagesOf(json.value) : json;
}

/**
 * Returns the messages in the value of a frame: the items of an array, or the value itself if it is not an
 * array.
 */
export function messagesOf(value: unknown): Parsed<readonly unknown[]> {
  if (!Array.isArray(value)) return parsed([value]);
  if (value.length > maxMessagesPerFrame) {
    return refused(
      "too_large",
      `a frame may hold at most ${maxMessagesPerFrame} messages; send more frames`,
    );
  }
  return parsed(value as readonly unknown[]);
}

/**
 * Encodes a message of the server, except a publication. The plain dialect and `milepost.v1.json` use the same
 * encoding.
 */
export function encodeServerMessage(message: ServerMessage | NumberMessage): string {
  return writeJson(message);
}
