/**
 * Limits of a node with their defaults: the one list of their names, from which the type, the configuration and its
 * checks follow.
 */
export const defaultLimits = {
  /** Most connections of this node. */
  maxConnections: 10_000,
  /** Largest message and largest event data, in bytes. */
  maxMessageBytes: 1_048_576,
  /** Most subscriptions of one connection. */
  maxSubscriptions: 100,
  /** Most entries that a resuming subscriber may be behind its channel. */
  maxReplayEntries: 10_000,
  /** Most bytes that may wait for one connection, in its send queue and its transport. */
  maxSendQueueBytes: 1_048_576,
  /** Time a new connection has to authenticate, in milliseconds. */
  authTimeoutMs: 10_000,
  /** Interval of the pings of a connection, in milliseconds. */
  pingIntervalMs: 30_000,
  /** Time without a sign of life after which a connection is closed, in milliseconds; above `pingIntervalMs`. */
  idleTimeoutMs: 60_000,
  /** Time a request may take when neither it nor its method says otherwise, in milliseconds. */
  requestTimeoutMs: 30_000,
  /** Time a command may wait for its acknowledgement, in milliseconds. */
  commandAckMs: 15_000,
  /** Time an acknowledged command may take, in milliseconds. */
  commandDoneMs: 60_000,
  /** Shortest time between two messages about changes of a channel's presence, in milliseconds. */
  presenceWindowMs: 250,
  /** Time for which a member stays present after its last connection was lost, in milliseconds. */
  presenceGraceMs: 5_000,
  /** Time after which the members that a dead node held are removed, in milliseconds. */
  presenceTtlMs: 30_000,
  /** Time after the last typing message at which typing ends, in milliseconds. */
  typingMs: 6_000,
};

/** Name of a limit of a node. */
export type LimitName = keyof typeof defaultLimits;

/** Limits of a node. */
export type CoreLimits = { readonly [Name in LimitName]: number };

/** Limits that a deployment sets; every one has a default. */
export interface LimitOptions extends Partial<CoreLimits> {
  /** Former name of `maxSendQueueBytes`, which wins when both are set. */
  readonly maxOutboxBytes?: number;
}

/** Returns the limits of a node: those that are set, and the defaults for all others. */
export function resolveLimits({ maxOutboxBytes, ...set }: LimitOptions = {}): CoreLimits {
  const former = maxOutboxBytes === undefined ? {} : { maxSendQueueBytes: maxOutboxBytes };
  return { ...defaultLimits, ...former, ...set };
}
