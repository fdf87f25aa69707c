import type { Schedule } from "../runtime/schedule.ts";

/**
 * Name of a transport. Each one in the order `websocket`, `sse`, `poll` is less efficient than the one before,
 * but works in more networks.
 */
export type TransportName = "websocket" | "sse" | "poll";

/** Names of all transports, the best first. */
export const transportNames: readonly TransportName[] = ["websocket", "sse", "poll"];

/** Events of a transport connection for the part of the client that uses it. They stop after `release`. */
export interface TransportConnectionEvents {
  /**
   * Called with a message of the gateway or an array of them, as JSON text or as a decoded value. `bytes` is
   * the size of a binary frame in bytes; absent for text.
   */
  onFrame(frame: unknown, bytes?: number): void;
  onClose(code: number, reason: string, details?: CloseDetails): void;
}

/** Details of a close beside its code and its reason, as far as the transport knows them. */
export interface CloseDetails {
  /** Credential that was refused; by default that of the connection. */
  readonly token?: string | undefined;
  /** Time to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** One connection to the gateway over any transport: a WebSocket, or an equivalent over HTTP. */
export interface TransportConnection {
  /** Transport that carries the messages, where it may be another than the one that opened the connection. */
  readonly name?: TransportName | undefined;
  /** Resolves when the connection is closed on both sides. */
  readonly closed: Promise<void>;
  /**
   * Sends messages in order, together if the transport can, in parts of about `maxBytes` bytes at most. A
   * closing connection drops them; its close is reported next.
   */
  send(messages: readonly string[], maxBytes: number): void;
  /** Uses another token from now on; absent where only the connect carries a token. */
  renew?(token: string): void;
  /** Closes the connection and stops its events. */
  release(): void;
}

/** Parameters of a new transport connection. */
export interface Attempt {
  /** WebSocket address of the gateway. */
  readonly url: URL;
  readonly token: string | undefined;
  /** Id of the connection that this one replaces. */
  readonly connectionId: string | undefined;
  /** Timers of the client. */
  readonly schedule: Schedule;
}

/** Opens connections over one transport. `open` throws where not even an attempt is possible. */
export interface Transport {
  readonly name: TransportName;
  open(attempt: Attempt, events: TransportConnectionEvents): TransportConnection;
}
