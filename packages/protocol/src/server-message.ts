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

/** The first message of the server on every connection that it accepted. */
export interface WelcomeMessage {
  readonly type: "welcome";
  readonly connection_id: string;
  readonly session_id: string | null;
  readonly user_id: string | null;
  /** Id of the guest; absent unless the client connected as one. */
  readonly guest_id?: string;
  /** Token with which the page is the same guest at its next connect; only for a guest that is new. */
  readonly guest_token?: string;
  /** Channel of the session, if the session's id is not its own encoded form. Otherwise it is `session:{session_id}`. */
  readonly session_channel?: string;
  /** Channel of the user, if the user's id is not its own encoded form. Otherwise it is `user:{user_id}`. */
  readonly user_channel?: string;
  /** Name of the node that holds the connection. */
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

/**
 * Reason why a subscription could not continue without a gap after a position. Servers do not send
 * `store_unavailable` today. With `shown` nothing is missing: the subscriber received these entries during an outage,
 * before they had a position in the log.
 */
export type GapReason =
  | "trimmed"
  | "epoch_changed"
  | "tag_mismatch"
  | "limit"
  | "shown"
  | "store_unavailable";

/** The state of a channel at a position, folded by the projection that its rule names. */
export interface Snapshot {
  readonly projection: string;
  /** State as JSON; null before the first entry that changes the state. */
  readonly state: unknown;
}

/** The result of a `subscribe`. From `position` on, the subscription receives every entry without a gap. */
export interface Subscribed {
  readonly channel: string;
  /**
   * True while the subscription waits for its operation, which does not exist yet or belongs to somebody else.
   * A `subscribed` message follows when the client may see it. `position` is {@link pendingPosition} until then.
   */
  readonly pending?: true;
  /** Position after which the subscription receives entries. */
  readonly position: string;
  /**
   * True if the subscription receives every entry after the position that the client requested. False if the
   * client requested no position.
   */
  readonly recovered: boolean;
  /**
   * Reason why the subscription could not continue from the requested position; absent if it could, or if none
   * was requested.
   */
  readonly reason?: GapReason;
  /**
   * State of the channel at `position`. Present if the channel has a projection and the subscription does not
   * start at an earlier entry.
   */
  readonly snapshot?: Snapshot;
  /**
   * True if the gateway answered from the memory of a node that cannot reach its store. What was stored meanwhile
   * follows when the store is back.
   */
  readonly stale?: true;
  /** Presence of the channel; absent unless the subscription asked for it. */
  readonly presence?: PresenceList;
}

/**
 * The start of a subscription that the client requested in the connect request, not by a `subscribe`. It also
 * tells of a subscription that became pending, or that is pending no more.
 */
export type SubscribedMessage = {
  readonly type: "subscribed";
  readonly event_id?: string;
} & Subscribed;

/** A publication, as `milepost.v1.json` and `milepost.v1.msgpack` carry it. */
export interface EventMessage {
  readonly type: "event";
  readonly channel: string;
  /**
   * Channel that the entry was published to. Present only if `channel` is a wildcard for everything below a
   * prefix.
   */
  readonly source?: string;
  readonly position: string;
  /**
   * Position of the last event that was sent before this one. Present only if this event merges several
   * entries.
   */
  readonly since?: string;
  readonly event: string;
  readonly data: unknown;
  /** Time of the append, in milliseconds since 1970. */
  readonly ts: number;
  /**
   * Number of deliveries of the entry to a durable subscriber, including this one; absent on the first
   * delivery.
   */
  readonly attempt?: number;
  /** Signature of the publisher, for readers that verify it; absent on a merged event. */
  readonly sig?: string;
  /** Publisher whose credential the gateway verified; absent unless the channel's rule shows publishers. */
  readonly publisher?: string;
  /** W3C trace context of the publish; absent where it is not traced. */
  readonly traceparent?: string;
}

/**
 * Tells a client that reads the short form what a number stands for. It replaces what the number stood for before.
 */
export interface NumberMessage {
  readonly type: "number";
  readonly number: number;
  readonly channel: string;
  /** Beginning of the position of every event with this number. */
  readonly prefix: string;
  /** Time from which the events with this number count, in milliseconds since 1970. */
  readonly ts: number;
}

/** Tells the client that the entries after `from`, up to and including `to`, will not arrive. */
export interface GapMessage {
  readonly type: "gap";
  readonly channel: string;
  readonly from: string;
  readonly to: string;
  readonly reason: GapReason;
  readonly event_id?: string;
}

/** Replaces the state that the client has of the channel. The entries after `position` follow. */
export interface ResetMessage {
  readonly type: "reset";
  readonly channel: string;
  readonly position: string;
  readonly snapshot: Snapshot;
  readonly reason: GapReason;
  readonly event_id?: string;
}

/** Code of a notice, which says what the notice is about. */
export type NoticeCode =
  | "server_shutting_down"
  | "degraded"
  | "restored"
  | "token_expiring"
  | "move";

/** A notice about the node or the client's credential. The code decides which other fields are present. */
export interface NoticeMessage {
  readonly type: "notice";
  readonly code: NoticeCode;
  /** Range for the random delay before the client reconnects, in milliseconds. */
  readonly reconnect?: { readonly min_ms: number; readonly max_ms: number };
  /** Time at which the token expires, in milliseconds since 1970. Present with the code `token_expiring`. */
  readonly expires_at?: number;
}

/** The end of a channel's stream: no entry follows. The connection stays open. */
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

/** The end of a subscription, although the channel still accepts entries. */
export interface UnsubscribedMessage {
  readonly type: "unsubscribed";
  readonly channel: string;
  /** Position of the last entry that the subscription delivered. */
  readonly position: string;
  /**
   * Reason for the end: the error code that a new `subscribe` would receive, or `taken_over` if another
   * connection now reads as this durable subscriber.
   */
  readonly reason: ErrorCode | "taken_over";
  readonly event_id?: string;
}

/** Asks the client for a pong, which shows that the connection is alive. Sent in the plain dialect only. */
export interface ServerPingMessage {
  readonly type: "ping";
  readonly event_id?: string;
  /** Time at which the server sent the message, as ISO 8601. */
  readonly timestamp?: string;
}

/** Answers a ping of the client and carries the ping's id. */
export interface ServerPongMessage {
  readonly type: "pong";
  readonly id?: MessageId;
  readonly event_id?: string;
  /**
   * Time at which the server sent the message, as ISO 8601. Present only in the plain dialect, here and in a
   * `reply`.
   */
  readonly timestamp?: string;
}

/**
 * Any message that the server sends. Publications in the plain dialect are not included, because their `type`
 * is the name of their event.
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
