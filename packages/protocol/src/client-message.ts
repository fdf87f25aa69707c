import type { ChunkMessage } from "./chunk.ts";
import type { MessageId } from "./message-id.ts";
import type { Position } from "./position.ts";

/** Where a subscription starts: after a position, at the oldest kept entry, at the head, or with the last `n`. */
export type Since = Position | "start" | "now" | { readonly last: number };

/** Says who it is: the first message when no credential came with the connect, or later to refresh. */
export interface AuthMessage {
  readonly type: "auth";
  readonly id?: MessageId;
  readonly token: string;
  readonly session?: string;
}

/** Asks for a channel, from `since` on when given. */
export interface SubscribeMessage {
  readonly type: "subscribe";
  readonly id: MessageId;
  readonly channel: string;
  readonly since?: Since;
  /** Only events of these names; all when absent. */
  readonly events?: readonly string[];
  /** At most one delivery per so many milliseconds, 100 to 60,000, merged as for a slow reader. */
  readonly summary_ms?: number;
  /** The durable subscriber's name: 1–64 characters of a channel segment. */
  readonly as?: string;
  readonly presence?: boolean;
}

/** Gives a channel up. */
export interface UnsubscribeMessage {
  readonly type: "unsubscribe";
  readonly id: MessageId;
  readonly channel: string;
}

/** Publishes to a channel; without `id` nobody answers. */
export interface PublishMessage {
  readonly type: "publish";
  readonly id?: MessageId;
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  /** Retrying with the same key creates nothing new. */
  readonly key?: string;
  readonly priority?: Priority;
  readonly ttl_ms?: number;
}

/** How urgent a publication is. */
export type Priority = "high" | "normal" | "low";

/** Calls a method. */
export interface RequestMessage {
  readonly type: "request";
  readonly id: MessageId;
  readonly method: string;
  readonly params?: unknown;
  readonly timeout_ms?: number;
  /** For a method that takes one: asking again with the same key is asking once. */
  readonly key?: string;
  /** Chunks of this stream follow, as far as they are granted. */
  readonly stream?: boolean;
  /** How far chunks of the answer may come before more is granted, in bytes; absent is no bound. */
  readonly credit?: number;
}

/** Gives the request `id` up; its reply is the error `cancelled`. */
export interface CancelMessage {
  readonly type: "cancel";
  readonly id: MessageId;
}

/** Everything of the channel up to `position` was handled; without `id` only a mistake is answered. */
export interface AckMessage {
  readonly type: "ack";
  readonly id?: MessageId;
  readonly channel: string;
  readonly position: Position;
}

/** The one entry at `position` could not be handled; without `id` only a mistake is answered. */
export interface NackMessage {
  readonly type: "nack";
  readonly id?: MessageId;
  readonly channel: string;
  readonly position: Position;
  readonly reason: string;
}

/** Asks for a sign of life; `id` comes back in the pong. */
export interface PingMessage {
  readonly type: "ping";
  readonly id?: MessageId;
}

/** Answers a ping. */
export interface PongMessage {
  readonly type: "pong";
  readonly id?: MessageId;
}

/** Everything a client may send. */
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
