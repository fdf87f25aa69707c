import type { UserPrincipal } from "../rules/principal.ts";

/** Verifies a token. Resolves to its principal, or rejects with `unauthenticated` or `token_expired`. */
export type TokenVerifier = (token: string) => Promise<UserPrincipal>;

/** Limits of a node; every one has a default. */
export interface CoreLimits {
  readonly maxConnections: number;
  readonly maxMessageBytes: number;
  readonly maxSubscriptions: number;
  readonly maxReplayEntries: number;
  /** Most bytes that may wait for one connection, in its send queue and its transport. */
  readonly maxOutboxBytes: number;
  readonly authTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly commandAckMs: number;
  readonly commandDoneMs: number;
  /** Changes of a channel's presence are sent at most once in this time, in milliseconds. */
  readonly presenceWindowMs: number;
  /**
   * Time for which a member stays present after its last connection closed without unsubscribing, in
   * milliseconds.
   */
  readonly presenceGraceMs: number;
  /** Time after which the members held by a dead node are removed, in milliseconds. */
  readonly presenceTtlMs: number;
  /** Time after the last typing message at which typing ends, in milliseconds. */
  readonly typingMs: number;
}

/** Log of a node, for events and for errors that no caller waits for. */
export interface CoreLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}
