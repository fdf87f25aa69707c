import type { ChunkMessage } from "./chunk.ts";
import type { ErrorCode } from "./error-codes.ts";
import type { Failure } from "./failure.ts";
import type { MessageId } from "./message-id.ts";
import type { PresenceList, PresenceMessage } from "./presence.ts";

/** Limits the client does well to know. */
export interface ConnectionLimits {
  readonly max_message_bytes: number;
  readonly max_subscriptions: number;
}

/** The first message of every accepted connection. */
export interface WelcomeMessage {
  readonly type: "welcome";
  readonly connection_id: string;
  readonly session_id: string | null;
  readonly user_id: string | null;
  /** The node's name. */
  readonly node: string;
  /** The protocol's version. */
  readonly version: "1";
  readonly ping_interval_ms: number;
  readonly limits: ConnectionLimits;
  /** When the credential ends, in milliseconds since 1970; null when it does not. */
  readonly expires_at: number | null;
  readonly degraded?: boolean;
}

/** The answer to the message `id`; null answers a message that had none one could read. */
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

/** Why a resume could not be contiguous. */
export type GapReason =
  | "trimmed"
  | "epoch_changed"
  | "tag_mismatch"
  | "limit"
  | "store_unavailable";

/** A channel's state at a position, folded by the projection its rule names. */
export interface Snapshot {
  readonly projection: string;
  /** JSON; null while the log was folded into nothing yet. */
  readonly state: unknown;
}

/** How a subscription starts: what follows is contiguous from `position` on. */
export interface Subscribed {
  readonly channel: string;
  /** The stream continues right after this position. */
  readonly position: string;
  /** Whether everything since the asked position follows. False on a fresh subscription. */
  readonly recovered: boolean;
  /** Why not, when a position was asked for and could not be continued. */
  readonly reason?: GapReason;
  /** The state at `position`, where the channel has a projection and the stream does not start further back. */
  readonly snapshot?: Snapshot;
  /** Who is there, where that was asked for. */
  readonly presence?: PresenceList;
}

/** A subscription that the connect itself asked for has started. */
export type SubscribedMessage = {
  readonly type: "subscribed";
  readonly event_id?: string;
} & Subscribed;

/** One publication, as the SDK's dialects carry it. */
export interface EventMessage {
  readonly type: "event";
  readonly channel: string;
  /** With the channel of everything below a prefix: the one it was published to. */
  readonly source?: string;
  readonly position: string;
  /** The position a merged event covers from. */
  readonly since?: string;
  readonly event: string;
  readonly data: unknown;
  /** When it was appended, in milliseconds since 1970. */
  readonly ts: number;
  /** To a durable subscriber: how often it was delivered, this time included; absent the first time. */
  readonly attempt?: number;
}

/** Entries after `from` up to and including `to` will not come. */
export interface GapMessage {
  readonly type: "gap";
  readonly channel: string;
  readonly from: string;
  readonly to: string;
  readonly reason: GapReason;
  readonly event_id?: string;
}

/** Forget what was held of the channel: here is its state, the stream continues after `position`. */
export interface ResetMessage {
  readonly type: "reset";
  readonly channel: string;
  readonly position: string;
  readonly snapshot: Snapshot;
  readonly reason: GapReason;
  readonly event_id?: string;
}

/** What a notice is about. */
export type NoticeCode =
  | "server_shutting_down"
  | "degraded"
  | "restored"
  | "token_expiring"
  | "move";

/** Something the client should know, with what that code needs. */
export interface NoticeMessage {
  readonly type: "notice";
  readonly code: NoticeCode;
  /** Come back after a random delay in this span. */
  readonly reconnect?: { readonly min_ms: number; readonly max_ms: number };
  /** With `token_expiring`: when, in milliseconds since 1970. */
  readonly expires_at?: number;
}

/** The stream is complete: nothing will follow. Not the same as disconnected. */
export interface EndMessage {
  readonly type: "end";
  readonly channel: string;
  /** The last of the channel. */
  readonly position: string;
  /** What the publisher said. */
  readonly reason: string;
  readonly event_id?: string;
  /** When it ended, as ISO 8601; in the plain dialect. */
  readonly timestamp?: string;
}

/** The subscription is over, though the stream is not. */
export interface UnsubscribedMessage {
  readonly type: "unsubscribed";
  readonly channel: string;
  /** Up to where its entries came. */
  readonly position: string;
  /** The code of the error that a new `subscribe` would get; `taken_over`: another connection holds the durable subscriber. */
  readonly reason: ErrorCode | "taken_over";
  readonly event_id?: string;
}

/** Asks for a sign of life. */
export interface ServerPingMessage {
  readonly type: "ping";
}

/** Answers a ping, with its id. */
export interface ServerPongMessage {
  readonly type: "pong";
  readonly id?: MessageId;
  readonly event_id?: string;
  /** When it was sent, as ISO 8601; in the plain dialect, as in a `reply`. */
  readonly timestamp?: string;
}

/** Everything the server sends but publications of the plain dialect, whose `type` is their event name. */
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
