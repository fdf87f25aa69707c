import { isChannelSegment, parseChannelName, parseReadableName } from "./channel-name.ts";
import type { ClientMessage, Since } from "./client-message.ts";
import { cutText } from "./cut-text.ts";
import { parseEventName } from "./event-name.ts";
import { type Failure, failure, type Parsed, parsed, refused } from "./failure.ts";
import {
  compact,
  Fields,
  identifierOf,
  integerIn,
  oneOf,
  readAnything,
  readBoolean,
  textOf,
} from "./fields.ts";
import { isRecord } from "./json.ts";
import type { MessageId } from "./message-id.ts";
import { type Position, parsePosition } from "./position.ts";
import { parseSignature } from "./signature.ts";
import { readTraceparent } from "./trace-context.ts";

/** Bounds on the fields of a client message. Lengths are in characters. */
export const messageBounds = {
  idLength: 64,
  tokenLength: 16_384,
  keyLength: 255,
  nameLength: 128,
  subscriberNameLength: 64,
  reasonLength: 1_024,
  eventNames: 64,
  lastEntries: 10_000,
  minSummaryMs: 100,
  maxSummaryMs: 60_000,
  timeoutMs: 600_000,
  creditBytes: 2 ** 40,
  ttlMs: 30 * 24 * 3_600_000,
} as const;

/**
 * A refused message and the reason. `id` is the id of the message for the reply, or null if no id could be
 * read.
 */
export interface RefusedMessage {
  readonly ok: false;
  readonly id: MessageId | null;
  readonly failure: Failure;
}

/** The outcome of parsing a client's message: the message, or the refusal. */
export type ParsedMessage = { readonly ok: true; readonly value: ClientMessage } | RefusedMessage;

/**
 * Parses one message of a client from a value that was decoded from JSON or msgpack.
 *
 * Ignores unknown fields, and refuses a known field of a wrong type. Never throws. The result shares no object
 * with the input except `data` and `params`.
 */
export function parseClientMessage(value: unknown): ParsedMessage {
  if (!isRecord(value)) {
    return { ok: false, id: null, failure: failure("bad_message", "a message must be an object") };
  }
  const fields = new Fields(value);
  const message = read(fields);
  const refusal = fields.refusal;
  if (refusal !== undefined) return { ok: false, id: messageIdIn(value), failure: refusal };
  // read() returns undefined only after it has recorded a refusal.
  return { ok: true, value: message as ClientMessage };
}

/** Reads the session that `auth` names, as `session` or as `sessionId`. */
function readSession(fields: Fields): string | undefined {
  const session = fields.optional("session", textOf(messageBounds.nameLength));
  const sessionId = fields.optional("sessionId", textOf(messageBounds.nameLength));
  if (session !== undefined && sessionId !== undefined && session !== sessionId) {
    fields.refuse(
      failure("bad_message", "session and sessionId must be the same; send one of them"),
    );
  }
  return session ?? sessionId;
}

function read(fields: Fields): ClientMessage | undefined {
  const type = fields.optional("type", readAnything);
  switch (type) {
    case "auth":
      return compact({
        type,
        id: fields.optional("id", readId),
        token: fields.required("token", textOf(messageBounds.tokenLength)),
        session: readSession(fields),
      });
    case "subscribe":
      return compact({
        type,
        id: fields.required("id", readId),
        channel: fields.required("channel", parseReadableName),
        since: fields.optional("since", readSince),
        events: fields.optional("events", readEventNames),
        summary_ms: fields.optional(
          "summary_ms",
          integerIn(messageBounds.minSummaryMs, messageBounds.maxSummaryMs),
        ),
        as: fields.optional("as", readSubscriberName),
        presence: fields.optional("presence", readBoolean),
      });
    case "unsubscribe":
      return compact({
        type,
        id: fields.required("id", readId),
        channel: fields.required("channel", parseReadableName),
      });
    case "publish":
      return compact({
        type,
        id: fields.optional("id", readId),
        channel: fields.required("channel", parseChannelName),
        event: fields.required("event", parseEventName),
        data: fields.required("data", readAnything),
        key: fields.optional("key", identifierOf(messageBounds.keyLength)),
        event_id: fields.optional("event_id", identifierOf(messageBounds.keyLength)),
        priority: fields.optional("priority", readPriority),
        sig: fields.optional("sig", readSignature),
        traceparent: fields.optional("traceparent", readTrace),
        ttl_ms: fields.optional("ttl_ms", integerIn(1, messageBounds.ttlMs)),
      });
    case "request":
      return compact({
        type,
        id: fields.required("id", readId),
        method: fields.required("method", textOf(messageBounds.nameLength)),
        params: fields.optional("params", readAnything),
        timeout_ms: fields.optional("timeout_ms", integerIn(1, messageBounds.timeoutMs)),
        key: fields.optional("key", identifierOf(messageBounds.keyLength)),
        stream: fields.optional("stream", readBoolean),
        credit: fields.optional("credit", integerIn(1, messageBounds.creditBytes)),
      });
    case "cancel":
      return compact({ type, id: fields.required("id", readId) });
    case "chunk":
      return readChunk(fields);
    case "ack":
      return compact({
        type,
        id: fields.optional("id", readId),
        channel: fields.required("channel", parseReadableName),
        position: fields.required("position", parsePosition),
      });
    case "nack":
      return compact({
        type,
        id: fields.optional("id", readId),
        channel: fields.required("channel", parseReadableName),
        position: fields.required("position", parsePosition),
        reason: fields.required("reason", textOf(messageBounds.reasonLength)),
      });
    case "ping":
    case "pong":
      return compact({ type, id: fields.optional("id", readId) });
    default:
      fields.refuse(
        typeof type === "string"
          ? failure("unknown_type", `unknown message type ${quote(type)}`)
          : failure("bad_message", "type must be a string"),
      );
      return undefined;
  }
}

function readChunk(fields: Fields): ClientMessage {
  const type = "chunk";
  const stream = fields.required("stream", readId);
  if (Object.hasOwn(fields.record, "credit")) {
    const credit = fields.required("credit", integerIn(1, messageBounds.creditBytes));
    return { type, stream, credit };
  }
  const index = fields.required("index", integerIn(0, Number.MAX_SAFE_INTEGER));
  const last = fields.optional("last", readBoolean);
  const data =
    last === true ? fields.optional("data", readAnything) : fields.required("data", readAnything);
  return compact({ type, stream, index, data, last }) as ClientMessage;
}

/** Returns the id of a message that is not parsed, for the reply to it; null if it has none that is valid. */
export function messageIdIn(record: Readonly<Record<string, unknown>>): MessageId | null {
  const id = readId(Object.hasOwn(record, "id") ? record.id : undefined);
  return id.ok ? id.value : null;
}

const readTextId = identifierOf(messageBounds.idLength);

function readId(value: unknown): Parsed<MessageId> {
  if (typeof value === "number" && Number.isSafeInteger(value)) return parsed(value);
  if (typeof value === "string" && value !== "" && value.length <= messageBounds.idLength) {
    return readTextId(value);
  }
  return refused(
    "bad_message",
    `must be an integer or a string of 1 to ${messageBounds.idLength} characters`,
  );
}

function readSubscriberName(value: unknown): Parsed<string> {
  const { subscriberNameLength } = messageBounds;
  return isChannelSegment(value) && value.length <= subscriberNameLength
    ? parsed(value)
    : refused(
        "bad_message",
        `must be 1 to ${subscriberNameLength} letters, digits, '_', '.', '~' or '-'`,
      );
}

/** A wrong trace context is no reason to refuse a message. */
function readTrace(value: unknown): Parsed<string | undefined> {
  return parsed(readTraceparent(value));
}

function readSignature(value: unknown): Parsed<string> {
  const read = parseSignature(value);
  return read.ok ? parsed(value as string) : read;
}

const readPriority = oneOf(["high", "normal", "low"]);

function readEventNames(value: unknown): Parsed<readonly string[]> {
  const { eventNames, nameLength } = messageBounds;
  const valid =
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= eventNames &&
    value.every((name) => typeof name === "string" && name !== "" && name.length <= nameLength);
  return valid
    ? parsed([...new Set(value as string[])])
    : refused("bad_message", `must be a list of 1 to ${eventNames} event names`);
}

/** Parses the start of a subscription as a client sends it: a position, "start", "now" or `{last: n}`. */
export function readSince(value: unknown): Parsed<Since> {
  if (value === "start" || value === "now") return parsed(value);
  if (typeof value === "string") {
    const position: Parsed<Position> = parsePosition(value);
    return position;
  }
  if (isRecord(value)) {
    const last = integerIn(1, messageBounds.lastEntries)(value.last);
    if (last.ok) return parsed({ last: last.value });
    return refused(
      "bad_message",
      `must have last: an integer from 1 to ${messageBounds.lastEntries}, as in {"last": 10}`,
    );
  }
  return refused("bad_message", 'must be a position, "start", "now" or {"last": n}');
}

/**
 * Quotes a piece of the client's own text, at most 40 characters of it, for an error message to that client.
 */
function quote(value: string): string {
  return JSON.stringify(value.length > 40 ? `${cutText(value, 40)}…` : value);
}
