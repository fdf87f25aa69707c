import type { CoreLimits } from "./options.ts";

/** Default limits of a node. */
export const defaultLimits: CoreLimits = {
  maxConnections: 10_000,
  maxMessageBytes: 1_048_576,
  maxSubscriptions: 100,
  maxReplayEntries: 10_000,
  maxOutboxBytes: 1_048_576,
  authTimeoutMs: 10_000,
  pingIntervalMs: 30_000,
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 30_000,
  commandAckMs: 15_000,
  commandDoneMs: 60_000,
  presenceWindowMs: 250,
  presenceGraceMs: 5_000,
  presenceTtlMs: 30_000,
  typingMs: 6_000,
};
