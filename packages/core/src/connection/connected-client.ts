import type { ConsumerKind } from "@milepost/engine";
import type { CloseCode, ParsedMessage, ServerMessage } from "@milepost/protocol";
import type { UserPrincipal } from "../rules/principal.ts";

/** Span in which a client is asked to reconnect, in milliseconds from now. */
export interface ReconnectSpan {
  readonly min_ms: number;
  readonly max_ms: number;
}

/** One attached client, as the node's registry, the cluster and a shutdown see it. */
export interface ConnectedClient {
  /** Id in the registry of all nodes; empty before the credential was verified. */
  readonly id: string;
  /** Verified owner; undefined before the credential was verified. */
  readonly principal: UserPrincipal | undefined;
  /** Time it connected, in milliseconds since 1970. */
  readonly since: number;
  readonly consumer: ConsumerKind;
  /** Number of channels that the client subscribed to itself. */
  readonly subscriptionCount: number;
  readonly isOpen: boolean;
  /** True when the client has been silent for longer than a ping and its answer may take. */
  readonly isSilent: boolean;
  /** True while the registry of all nodes lists it. */
  readonly isRegistered: boolean;
  /** Closes the connection once everything sent before is written. */
  close(code: CloseCode, reason: string): void;
  /** Tears the connection down without waiting for the peer. */
  abandon(): void;
  /** Asks the client to reconnect to another node. */
  announceMove(reconnect: ReconnectSpan): void;
  /** Announces that this node is shutting down. */
  announceShutdown(reconnect: ReconnectSpan): void;
  /** Announces that this node has lost its store, or has it back. */
  announceStore(code: "degraded" | "restored"): void;
  /** Checks the owner's authority again after a revocation. */
  reauthorise(): void;
}

/** A client that accepts messages that arrive beside its own stream, such as the upstream of an SSE connection. */
export interface AddressableClient extends ConnectedClient {
  /** Handles a message of about `length` characters; its replies go down the stream. */
  take(message: ParsedMessage, length: number): void;
  /** Handles a message and resolves with its reply, or with undefined where the message has none. */
  takeUpstream(message: ParsedMessage, length: number): Promise<ServerMessage | undefined>;
}
