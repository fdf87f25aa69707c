import { type ForeignFailure, knownFailure, type Parsed, parsed, refused } from "./failure.ts";
import { isRecord } from "./json.ts";
import type { ReplyMessage, ServerMessage, Subscribed } from "./server-message.ts";

/** A server message of a type that this version does not know. Clients ignore it. */
export interface UnknownMessage {
  readonly type: "unknown";
}

/**
 * Parses one message of the server from a value that was decoded from JSON.
 *
 * Checks every field that the declared type has, so that wrong data from a proxy or another server does no
 * harm. Unknown fields stay in the message. A message of an unknown type becomes `{type: "unknown"}`. A wrong
 * field is refused with `bad_message` and the field's name. Unknown error codes are converted by {@link
 * knownFailure}. Never throws.
 */
export function parseServerMessage(value: unknown): Parsed<ServerMessage | UnknownMessage> {
  if (!isRecord(value) || typeof value.type !== "string") {
    return refused("bad_message", "a message must be an object with a type");
  }
  const { type } = value;
  if (!Object.hasOwn(shapes, type)) return parsed({ type: "unknown" });
  const wrong = wrongField(value, shapeOf(type as KnownType, value));
  if (wrong !== undefined) return refused("bad_message", `${type}: ${wrong} is missing or wrong`);
  if (type === "reply") return readReply(value);
  // The check above covered every field of the type.
  return parsed(value as unknown as ServerMessage);
}

/** Parses the result in the reply to a `subscribe`. */
export function parseSubscribed(value: unknown): Parsed<Subscribed> {
  const wrong = isRecord(value) ? wrongField(value, subscribed) : "it";
  return wrong === undefined
    ? parsed(value as Subscribed)
    : refused("bad_message", `subscribed: ${wrong} is missing or wrong`);
}

function readReply(reply: Record<string, unknown>): Parsed<ReplyMessage> {
  if (reply.error === undefined) {
    return Object.hasOwn(reply, "result") && reply.id !== null
      ? parsed(reply as unknown as ReplyMessage)
      : refused("bad_message", "reply: result is missing or wrong");
  }
  // The fields of the error were checked above, as part of the reply.
  const error = reply.error as unknown as ForeignFailure;
  return parsed({
    type: "reply",
    id: reply.id as string | number | null,
    error: knownFailure(error),
  });
}

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;
type KnownType = ServerMessage["type"];

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const amount: Check = (value) => typeof value === "number" && value >= 0 && value < Infinity;
const anything: Check = () => true;
const id: Check = (value) => text(value) || Number.isSafeInteger(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const fields =
  (shape: Shape): Check =>
  (value) =>
    isRecord(value) && wrongField(value, shape) === undefined;

const snapshot = fields({ projection: text, state: anything });
const texts: Check = (value) => Array.isArray(value) && value.every(text);
const members: Check = (value) =>
  Array.isArray(value) &&
  value.every(fields({ id: text, user_id: maybe(text), session_id: maybe(text), since: amount }));
const presenceList: Shape = {
  epoch: text,
  version: amount,
  members: maybe(members),
  count: amount,
  typing: texts,
};
const presenceChange: Shape = {
  epoch: text,
  since: amount,
  version: amount,
  joined: members,
  left: texts,
  count: amount,
  typing: maybe(texts),
};
const subscribed: Shape = {
  channel: text,
  pending: maybe((value) => value === true),
  position: text,
  recovered: flag,
  reason: maybe(text),
  snapshot: maybe(snapshot),
  presence: maybe(fields(presenceList)),
};

const shapes: Readonly<Record<KnownType, Shape>> = {
  welcome: {
    connection_id: text,
    session_id: orNull(text),
    user_id: orNull(text),
    session_channel: maybe(text),
    user_channel: maybe(text),
    guest_id: maybe(text),
    guest_token: maybe(text),
    node: text,
    version: text,
    ping_interval_ms: amount,
    limits: fields({ max_message_bytes: amount, max_subscriptions: amount }),
    expires_at: orNull(amount),
    degraded: maybe(flag),
  },
  reply: {
    id: orNull(id),
    error: maybe(
      fields({ code: text, message: text, retryable: flag, retry_after_ms: maybe(amount) }),
    ),
    event_id: maybe(text),
  },
  subscribed: { ...subscribed, event_id: maybe(text) },
  event: {
    channel: text,
    source: maybe(text),
    position: text,
    since: maybe(text),
    event: text,
    data: anything,
    ts: amount,
    attempt: maybe(amount),
    sig: maybe(text),
    publisher: maybe(text),
  },
  gap: { channel: text, from: text, to: text, reason: text, event_id: maybe(text) },
  reset: { channel: text, position: text, snapshot, reason: text, event_id: maybe(text) },
  presence: { channel: text },
  notice: {
    code: text,
    reconnect: maybe(fields({ min_ms: amount, max_ms: amount })),
    expires_at: maybe(amount),
  },
  end: {
    channel: text,
    position: text,
    reason: text,
    event_id: maybe(text),
    timestamp: maybe(text),
  },
  unsubscribed: { channel: text, position: text, reason: text, event_id: maybe(text) },
  chunk: {
    stream: id,
    index: maybe(amount),
    data: maybe(anything),
    last: maybe(flag),
    credit: maybe(amount),
  },
  ping: { id: maybe(id) },
  pong: { id: maybe(id) },
};

/**
 * Returns the expected fields of a message of this type. A presence message with `since` is a change; one
 * without is a complete list.
 */
function shapeOf(type: KnownType, value: Record<string, unknown>): Shape {
  if (type !== "presence") return shapes[type];
  return { ...shapes.presence, ...(Object.hasOwn(value, "since") ? presenceChange : presenceList) };
}

/**
 * Returns the name of the first field that is missing or has a wrong type; undefined if all are right.
 * Inherited fields are ignored.
 */
function wrongField(record: Record<string, unknown>, shape: Shape): string | undefined {
  for (const name of Object.keys(shape)) {
    const there = Object.hasOwn(record, name);
    if (!shape[name]?.(there ? record[name] : undefined)) return name;
    if (!there && shape[name] === anything) return name;
  }
  return undefined;
}
