import type { ConsumerKind } from "@milepost/engine";
import { type Cursor, jsonSubprotocol, type Parsed, parsed, refused } from "@milepost/protocol";
import { readChannelList } from "../../http/channel-list.ts";
import { consumerOf } from "../consumer.ts";
import { readPersonal, readResume } from "../personal.ts";
import type { SseForm } from "./encoders.ts";

/** Parsed request for an SSE stream. */
export interface StreamQuery {
  readonly form: SseForm;
  readonly consumer: ConsumerKind;
  readonly channels: readonly string[];
  readonly resume: Cursor | undefined;
  readonly connectionId: string | undefined;
  readonly personal?: "bare" | "always";
  /** Publisher's own id of the last event, in place of a cursor. */
  readonly resumeAfter?: string;
}

/**
 * Maximum length of a stream's cursor, in characters; a request whose cursor could be longer is refused.
 * Browsers send the cursor as one header, and servers and proxies accept 8 KiB in one header, or 16 KiB in all.
 */
const maxCursorLength = 8_000;
/** Maximum length of a position in a cursor, with its separators, in characters. */
const positionLength = 67;

/** Reads the query of `/v1/sse`; `lastEventId` takes precedence over `last_event_id`. Pure. */
export function readStreamQuery(
  query: Readonly<Record<string, readonly string[]>>,
  lastEventId: string | undefined,
): Parsed<StreamQuery> {
  const form = readForm(query.dialect?.[0], query.named?.[0]);
  if (!form.ok) return form;
  const channels = readChannelList(query.channels ?? []);
  if (!channels.ok) return channels;
  const isBare = form.value !== jsonSubprotocol && channels.value.length === 0;
  const personal = readPersonal(query.personal?.[0], isBare);
  if (!personal.ok) return personal;
  const place = readResume(lastEventId || query.last_event_id?.[0], personal.value);
  if (!place.ok) return place;
  const { resume, resumeAfter } = place.value;
  if (form.value !== jsonSubprotocol) {
    const all = new Set([...channels.value, ...(resume?.keys() ?? [])]);
    let length = 0;
    for (const channel of all) length += channel.length + positionLength;
    if (length > maxCursorLength) {
      return refused(
        "too_many_subscriptions",
        "the cursor of these channels would not fit into a header; use two streams or a WebSocket",
      );
    }
  }
  return parsed({
    ...personal.value,
    form: form.value,
    consumer: consumerOf(query.sdk?.[0], "sse"),
    channels: channels.value,
    resume,
    ...(resumeAfter !== undefined && { resumeAfter }),
    connectionId: query.connection_id?.[0],
  });
}

function readForm(dialect: string | undefined, named: string | undefined): Parsed<SseForm> {
  if (named !== undefined && named !== "true" && named !== "false") {
    return refused("bad_message", "named must be true or false");
  }
  if (dialect === jsonSubprotocol) return parsed(jsonSubprotocol);
  if (dialect !== undefined) {
    return refused(
      "bad_message",
      `dialect must be ${jsonSubprotocol}, or absent for the plain dialect`,
    );
  }
  return parsed(named === "true" ? "plain-named" : "plain");
}
