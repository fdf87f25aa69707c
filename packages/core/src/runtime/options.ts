import type { UserPrincipal } from "../rules/principal.ts";

/** Verifies a token: resolves to who it is, rejects with `unauthenticated` or `token_expired`. */
export type TokenVerifier = (token: string) => Promise<UserPrincipal>;

/** Bounds of a node; every one has a default. */
export interface CoreLimits {
  readonly maxConnections: number;
  readonly maxMessageBytes: number;
  readonly maxSubscriptions: number;
  readonly maxReplayEntries: number;
  /** Bytes that may wait for one connection. */
  readonly maxOutboxBytes: number;
  readonly authTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly commandAckMs: number;
  readonly commandDoneMs: number;
  /** Changes of who is in a channel are told once in so long. */
  readonly presenceWindowMs: number;
  /** Who loses its last connection without unsubscribing stays present for so long. */
  readonly presenceGraceMs: number;
  /** Who is present by a node that is dead is gone after so long. */
  readonly presenceTtlMs: number;
  /** Typing ends so long after it was last said. */
  readonly typingMs: number;
}

/** Where faults that nobody waits for are told. */
export interface CoreLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}
