import type { ChunkMessage } from "./chunk.ts";
import type { ErrorCode } from "./error-codes.ts";
import type { Failure } from "./failure.ts";
import type { MessageId } from "./message-id.ts";
import type { PresenceList, PresenceMessage } from "./presence.ts";

/** Limits of a connection that a client should respect. */
export interface ConnectionLimits {
  readonly max_message_bytes: number;
  readonly max_subscriptions: number;
}

/** First message on every accepted connection. */
export interface WelcomeMessage {
  readonly type: "welcome";
  readonly connection_id: string;
  readonly session_id: string | null;
  readonly user_id: string | null;
  /** Name of the node. */
  readonly node: string;
  /** Version of the protocol. */
  readonly version: "1";
  readonly ping_interval_ms: number;
  readonly limits: ConnectionLimits;
  /** Time at which the credential expires, in milliseconds since 1970; null if it does not expire. */
  readonly expires_at: number | null;
  readonly degraded?: boolean;
}

/** The answer to the message with this `id`; null if that message had no readable id. */
export type ReplyMessage =
  | {
      readonly type: "reply";
      readonly id: MessageId;
      readonly result: unknown;
      readonly event_id?: string;
      readonly timestamp?: string;
    }
  | {
      readonly type: "reply";
      readonly id: MessageId | null;
      readonly error: Failure;
      readonly event_id?: string;
      readonly timestamp?: string;
    };

/** The reason why a resume was not contiguous. Servers do not send `store_unavailable` today. */
export type GapReason =
  | "trimmed"
  | "epoch_changed"
  | "tag_mismatch"
  | "limit"
  | "store_unavailable";

/** The state of a channel at a position, folded by the projection that its rule names. */
export interface Snapshot {
  readonly projection: string;
  /** State as JSON; null while no entry has been folded into a state. */
  readonly state: unknown;
}

/** The start of a subscription: the stream is contiguous from `position` on. */
export interface Subscribed {
  readonly channel: string;
  /** Position after which the stream continues. */
  readonly position: string;
  /** True if everything after the requested position follows. False on a fresh subscription. */
  readonly recovered: boolean;
  /** Reason why the stream could not continue from the requested position; absent otherwise. */
  readonly reason?: GapReason;
  /** State at `position`, if the channel has a projection and the stream does not start at an earlier entry. */
  readonly snapshot?: Snapshot;
  /** Presence of the channel, if the subscription asked for it. */
  readonly presence?: PresenceList;
}

/** The start of a subscription that the connect request itself asked for. */
export type SubscribedMessage = {
  readonly type: "subscribed";
  readonly event_id?: string;
} & Subscribed;

/** A publication, as the SDK's dialects carry it. */
export interface EventMessage {
  readonly type: "event";
  readonly channel: string;
  /** Channel that the entry was published to, if `channel` addresses everything below a prefix. */
  readonly source?: string;
  readonly position: string;
  /** Position of the last event sent before this one, if it merges several entries. */
  readonly since?: string;
  readonly event: string;
  readonly data: unknown;
  /** Time of the append, in milliseconds since 1970. */
  readonly ts: number;
  /** Number of deliveries to a durable subscriber, including this one; absent on the first. */
  readonly attempt?: number;
}

/** Announces that the entries after `from`, up to and including `to`, will not arrive. */
export interface GapMessage {
  readonly type: "gap";
  readonly channel: string;
  readonly from: string;
  readonly to: string;
  readonly reason: GapReason;
  readonly event_id?: string;
}

/** Replaces the state that the client holds of the channel. The stream continues after `position`. */
export interface ResetMessage {
  readonly type: "reset";
  readonly channel: string;
  readonly position: string;
  readonly snapshot: Snapshot;
  readonly reason: GapReason;
  readonly event_id?: string;
}

/** Subject of a notice. */
export type NoticeCode =
  | "server_shutting_down"
  | "degraded"
  | "restored"
  | "token_expiring"
  | "move";

/** A notice about the node or the credential, with the fields that its code needs. */
export interface NoticeMessage {
  readonly type: "notice";
  readonly code: NoticeCode;
  /** Range for the random delay before the client reconnects, in milliseconds. */
  readonly reconnect?: { readonly min_ms: number; readonly max_ms: number };
  /** With `token_expiring`: time at which the token expires, in milliseconds since 1970. */
  readonly expires_at?: number;
}

/** The end of a channel's stream: no entry follows. It does not end the connection. */
export interface EndMessage {
  readonly type: "end";
  readonly channel: string;
  /** Position of the last entry of the channel. */
  readonly position: string;
  /** Reason that the publisher gave. */
  readonly reason: string;
  readonly event_id?: string;
  /** Time at which the stream ended, as ISO 8601; only in the plain dialect. */
  readonly timestamp?: string;
}

/** The end of a subscription whose stream goes on. */
export interface UnsubscribedMessage {
  readonly type: "unsubscribed";
  readonly channel: string;
  /** Position up to which entries were delivered. */
  readonly position: string;
  /**
   * Code of the error that a new `subscribe` would receive, or `taken_over`: another connection holds the
   * durable subscriber.
   */
  readonly reason: ErrorCode | "taken_over";
  readonly event_id?: string;
}

/** Asks the client for a pong, as a sign of life. */
export interface ServerPingMessage {
  readonly type: "ping";
}

/** Answers a ping and carries its id. */
export interface ServerPongMessage {
  readonly type: "pong";
  readonly id?: MessageId;
  readonly event_id?: string;
  /** Time at which the message was sent, as ISO 8601; in the plain dialect, as in a `reply`. */
  readonly timestamp?: string;
}

/**
 * Any message that the server sends, except publications in the plain dialect, whose `type` is their event
 * name.
 */
export type ServerMessage =
  | WelcomeMessage
  | ReplyMessage
  | SubscribedMessage
  | EventMessage
  | GapMessage
  | ResetMessage
  | PresenceMessage
  | NoticeMessage
  | EndMessage
  | UnsubscribedMessage
  | ChunkMessage
  | ServerPingMessage
  | ServerPongMessage;
