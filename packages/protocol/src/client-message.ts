import type { ChunkMessage } from "./chunk.ts";
import type { MessageId } from "./message-id.ts";
import type { Position } from "./position.ts";

/**
 * The start of a subscription: after a position, at the oldest kept entry (`start`), after the newest entry
 * (`now`), or with the last `n` entries.
 */
export type Since = Position | "start" | "now" | { readonly last: number };

/**
 * Authenticates the connection. It is the first message of a connection that was opened without a credential.
 * Later it replaces the token with a newer one.
 */
export interface AuthMessage {
  readonly type: "auth";
  readonly id?: MessageId;
  readonly token: string;
  /** Session that the token must have; `sessionId` on the wire means the same. */
  readonly session?: string;
}

/** Subscribes to a channel, from `since` if given. */
export interface SubscribeMessage {
  readonly type: "subscribe";
  readonly id: MessageId;
  readonly channel: string;
  readonly since?: Since;
  /** Names of the events to deliver; all events if absent. */
  readonly events?: readonly string[];
  /**
   * Minimum interval between deliveries, in milliseconds, from 100 to 60,000. The gateway merges the entries of
   * one interval, as it does for a slow subscriber.
   */
  readonly summary_ms?: number;
  /**
   * Name of the durable subscriber, 1–64 characters that are valid in a channel segment. Absent for a
   * subscription that is not durable.
   */
  readonly as?: string;
  readonly presence?: boolean;
}

/** Unsubscribes from a channel. */
export interface UnsubscribeMessage {
  readonly type: "unsubscribe";
  readonly id: MessageId;
  readonly channel: string;
}

/** Publishes an event to a channel. The gateway replies only if the message has an `id`. */
export interface PublishMessage {
  readonly type: "publish";
  readonly id?: MessageId;
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  /** Idempotency key: publishing again with the same key adds no second entry. */
  readonly key?: string;
  /** The publisher's own id of the event: its key unless there is one, and the field `event_id` of the data. */
  readonly event_id?: string;
  readonly priority?: Priority;
  readonly ttl_ms?: number;
  /** Signature that is to travel with the publication; see `signPublication`. */
  readonly sig?: string;
  /** W3C trace context of the publisher. */
  readonly traceparent?: string;
}

/** Priority of a publication. */
export type Priority = "high" | "normal" | "low";

/** Calls a method. */
export interface RequestMessage {
  readonly type: "request";
  readonly id: MessageId;
  readonly method: string;
  readonly params?: unknown;
  readonly timeout_ms?: number;
  /** Idempotency key, for methods that accept one: requests with the same key are executed once. */
  readonly key?: string;
  /**
   * True if the request has an input stream. The client sends the stream's chunks as the server grants credit.
   */
  readonly stream?: boolean;
  /**
   * Number of bytes of reply chunks that the server may send before the client grants more credit. Unlimited if
   * absent.
   */
  readonly credit?: number;
}

/** Cancels the request with this `id`. The request is then answered with the error `cancelled`. */
export interface CancelMessage {
  readonly type: "cancel";
  readonly id: MessageId;
}

/**
 * Acknowledges every entry of the channel up to `position`. If the message has no `id`, the server replies only
 * when the acknowledgement fails.
 */
export interface AckMessage {
  readonly type: "ack";
  readonly id?: MessageId;
  readonly channel: string;
  readonly position: Position;
}

/**
 * Rejects the one entry at `position`, because the subscriber could not handle it. If the message has no `id`,
 * the server replies only when the rejection fails.
 */
export interface NackMessage {
  readonly type: "nack";
  readonly id?: MessageId;
  readonly channel: string;
  readonly position: Position;
  readonly reason: string;
}

/** Asks the server for a pong, which shows that the connection is alive. The pong carries the same `id`. */
export interface PingMessage {
  readonly type: "ping";
  readonly id?: MessageId;
}

/** Answers a ping of the server and carries the ping's `id`. */
export interface PongMessage {
  readonly type: "pong";
  readonly id?: MessageId;
}

/** Any message that a client may send. */
export type ClientMessage =
  | AuthMessage
  | SubscribeMessage
  | UnsubscribeMessage
  | PublishMessage
  | RequestMessage
  | CancelMessage
  | ChunkMessage
  | AckMessage
  | NackMessage
  | PingMessage
  | PongMessage;
