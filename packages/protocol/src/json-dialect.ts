import { type Parsed, parsed, refused } from "./failure.ts";
import { parseJson } from "./json.ts";
import { formatPosition } from "./position.ts";
import { endEvent, type Publication } from "./publication.ts";
import type { ServerMessage } from "./server-message.ts";

/** A publication as `milepost.v1.json` carries it; its data is spliced in unparsed. The end of a log is an `end` message. */
export function encodeEvent(publication: Publication): string {
  const { channel, source, position, since, event, json, ts, attempt } = publication;
  if (event === endEvent) {
    return `{"type":"end","channel":"${channel}","position":"${formatPosition(position)}",${json.slice(1)}`;
  }
  const origin = source === undefined ? "" : `,"source":"${source}"`;
  const from = since === undefined ? "" : `,"since":"${formatPosition(since)}"`;
  return `{"type":"event","channel":"${channel}"${origin},"position":"${formatPosition(position)}"${from},"event":"${event}","data":${json},"ts":${ts}${attemptField(attempt)}}`;
}

/** The field that says how often a durable subscriber was given an entry; the first time says nothing. */
export function attemptField(attempt = 1): string {
  return attempt > 1 ? `,"attempt":${attempt}` : "";
}

/** One frame of many encoded messages: the message itself when there is one, else an array of them. */
export function joinFrame(messages: readonly string[]): string {
  const [only] = messages;
  return messages.length === 1 && only !== undefined ? only : `[${messages.join(",")}]`;
}

/** The most messages a client may put into one frame. */
export const maxMessagesPerFrame = 1_000;

/** Takes a frame of `milepost.v1.json` apart into the values of its messages, each yet to be read. */
export function splitFrame(text: string): Parsed<readonly unknown[]> {
  const json = parseJson(text);
  return json.ok ? messagesOf(json.value) : json;
}

/** The messages of a frame's value: its own items when it is an array, else the value itself. */
export function messagesOf(value: unknown): Parsed<readonly unknown[]> {
  if (!Array.isArray(value)) return parsed([value]);
  if (value.length > maxMessagesPerFrame) {
    return refused("too_large", `a frame may hold ${maxMessagesPerFrame} messages at most`);
  }
  return parsed(value as readonly unknown[]);
}

/** Encodes any message of the server but a publication, in either JSON dialect. */
export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}
