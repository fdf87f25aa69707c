import type { ConsumerKind } from "@milepost/engine";
import type { CloseCode, DialectName, ServerMessage } from "@milepost/protocol";
import type { Incoming } from "../dialects/literal-message.ts";
import type { Principal } from "../rules/principal.ts";

/** Span in which a client is asked to reconnect, in milliseconds from now. */
export interface ReconnectSpan {
  readonly min_ms: number;
  readonly max_ms: number;
}

/**
 * Client connected to this node, as the connection registries, commands to connections and the shutdown use it.
 */
export interface ConnectedClient {
  /** Id in the registry of all nodes; empty before the credential was verified. */
  readonly id: string;
  /** Verified owner; undefined before the credential was verified. */
  readonly principal: Principal | undefined;
  /** Time at which the client connected, in milliseconds since 1970. */
  readonly since: number;
  readonly consumer: ConsumerKind;
  /** Number of channels that the client subscribed to itself; a session feed has none. */
  readonly subscriptionCount: number;
  readonly isOpen: boolean;
  /** True when nothing has arrived from the client for longer than the ping interval plus 5 s. */
  readonly isSilent: boolean;
  /** Bytes that wait to be sent to the client. */
  readonly waitingBytes: number;
  /**
   * True while the connection belongs in the cluster registry: it is open and does not exist for just one
   * request.
   */
  readonly isRegistered: boolean;
  /**
   * Closes the connection. Queued messages are written first if the transport has room, and are dropped
   * otherwise.
   */
  close(code: CloseCode, reason: string): void;
  /** Tears the connection down without waiting for the peer. */
  abandon(): void;
  /**
   * True while the page of the client is visible, as it reports; for a client that reports nothing, for 60 s after its last
   * message.
   */
  readonly isVisible: boolean;
  /** Asks the client to show that it is alive, where the transport can do so. */
  probe(): void;
  /** True if something has arrived from the client at `time` on the monotonic clock or later, in milliseconds. */
  isAliveSince(time: number): boolean;
  /** Asks the client to reconnect within a span, possibly to another node. */
  announceMove(reconnect: ReconnectSpan): void;
  /** Announces that this node is shutting down. */
  announceShutdown(reconnect: ReconnectSpan): void;
  /** Announces that this node has lost its store (`degraded`) or reached it again (`restored`). */
  announceStore(code: "degraded" | "restored"): void;
  /**
   * Applies new revocations to the connection. Ends subscriptions that are no longer allowed, or closes the
   * connection if its whole credential was revoked.
   */
  reauthorise(): void;
  /** Reckons anew when the credential expires, because the wall clock was set. */
  onClockSet(): void;
  /** Checks again whether the connection's session is valid, and closes the connection if it is not. */
  recheckSession(): void;
}

/** Client that also accepts messages outside its own stream, such as the POST requests of an SSE client. */
export interface AddressableClient extends ConnectedClient {
  /** Counts an upstream frame; throws `rate_limited` if the client is over a limit. */
  charge(messages: number, bytes: number): void;
  /** Dialect of the client, in which its upstream frames are read too. */
  readonly dialect: DialectName;
  /** Handles an upstream message of about `length` characters, and sends its reply in the client's stream. */
  take(message: Incoming, length: number): void;
  /**
   * Handles an upstream message of about `length` characters, and resolves with its reply; with undefined if
   * the message has no reply.
   */
  takeUpstream(message: Incoming, length: number): Promise<ServerMessage | undefined>;
}
