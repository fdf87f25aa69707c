/**
 * Limits of a node with their defaults: the one list of their names, from which the type, the configuration and its
 * checks follow.
 */
export const defaultLimits = {
  /** Maximum number of connections of this node with a verified credential; further ones are refused. */
  maxConnections: 10_000,
  /** Maximum number of connections of one user on all nodes. */
  maxConnectionsPerUser: 10,
  /** Maximum number of connections of one session, or of one guest, on all nodes. */
  maxConnectionsPerSession: 3,
  /** Maximum number of connections of one service, which is an API key, at this node. */
  maxConnectionsPerService: 100,
  /** Maximum number of connections of one address, or of one /64 prefix of IPv6, at this node. */
  maxConnectionsPerAddress: 1_000,
  /**
   * Number of sockets without a verified credential at this node above which the oldest makes room for a new one.
   */
  maxUnauthenticated: 1_000,
  /** The same number for the sockets of one address, or of one /64 prefix of IPv6. */
  maxUnauthenticatedPerAddress: 100,
  /** Largest message and largest event data, in bytes. */
  maxMessageBytes: 1_048_576,
  /**
   * Bytes that the logs of all channels may take in the memory of this node, when it has no Redis. Beyond it the
   * heaviest logs lose their oldest entries, and what still does not fit is refused.
   */
  maxMemoryBytes: 67_108_864,
  /**
   * Bytes that one user or session, or all guests together, may keep in the store by what they publish, over all nodes and
   * approximately. Further publishes are refused with `store_full`. Services have no such limit.
   */
  maxPublisherBytes: 16_777_216,
  /** Maximum number of channels with entries of one user or session, or of all guests, over all nodes. */
  maxPublisherChannels: 1_000,
  /** Maximum number of durable subscribers of one user or session, or of all guests, over all channels and nodes. */
  maxDurableNames: 100,
  /** Maximum number of queues on all nodes; further ones are refused. */
  maxQueues: 1_000,
  /** Maximum number of subscriptions of one connection; further ones are refused. */
  maxSubscriptions: 100,
  /**
   * Maximum number of kinds of operations of which the deployment remembers how long they took. Beyond it, the kind whose last
   * run is the oldest is forgotten.
   */
  maxLearnedKinds: 1_000,
  /**
   * Maximum number of subscriptions of this node that wait for an operation which does not exist yet or belongs
   * to somebody else. Further ones are refused.
   */
  maxPendingSubscriptions: 50_000,
  /**
   * Maximum number of entries that a resuming subscriber may be behind its channel. A resume from further
   * behind is not recovered, for the reason `limit`.
   */
  maxReplayEntries: 10_000,
  /**
   * Maximum number of spans of deliveries that this node begins within a second, when it has a tracer. Deliveries beyond have
   * none.
   */
  maxDeliverySpansPerSecond: 100,
  /**
   * Maximum number of ages of entries, reported by clients that agreed to it, that this node counts within a second. Further
   * ones are refused.
   */
  maxLatencySamplesPerSecond: 1_000,
  /**
   * Maximum number of bytes that may wait for one connection, in its send queue and its transport. Beyond it,
   * the connection is closed.
   */
  maxSendQueueBytes: 1_048_576,
  /**
   * Time in which the reader of an HTTP answer must take it, in milliseconds, counted from the end of the answer. After it,
   * the connection is cut.
   */
  answerTimeoutMs: 30_000,
  /** Maximum number of bytes of HTTP answers that wait for their readers at this node; above it, the oldest are cut. */
  maxUnreadAnswerBytes: 67_108_864,
  /** Time in which a new connection must authenticate, in milliseconds. After it, the connection is closed. */
  authTimeoutMs: 10_000,
  /** Interval of the pings of a connection, in milliseconds. */
  pingIntervalMs: 30_000,
  /**
   * Longest interval between two comments of an event stream, in milliseconds. It is short because proxies end a response
   * that is silent.
   */
  sseCommentMs: 15_000,
  /**
   * Time after which a connection is closed because nothing shows that its client is alive, in milliseconds;
   * above `pingIntervalMs`.
   */
  idleTimeoutMs: 60_000,
  /**
   * Largest difference between the time of a signature and the clock of this node, in milliseconds. Nonces are
   * remembered for twice as long at most, and a minute more.
   */
  signatureToleranceMs: 300_000,
  /**
   * Time after which a connection without a subscription is closed because its client did nothing but answer and send
   * pings, in milliseconds. For subscribers, the rule of their channel sets such a time (`idleTimeoutMs`).
   */
  inactivityTimeoutMs: 300_000,
  /** Number of seconds whose traffic a client may send at once after a pause: the burst of every rate below. */
  burstSeconds: 2,
  /** Average number of messages a second that one connection may send. */
  connectionMessagesPerSecond: 100,
  /** Average number of bytes a second of one connection: those it sends, and the answers to its requests. */
  connectionBytesPerSecond: 1_048_576,
  /** Average number of WebSocket pings and pongs a second that one connection may send. */
  connectionControlFramesPerSecond: 20,
  /** Average number of messages and requests a second of one session at this node. */
  sessionMessagesPerSecond: 200,
  /** Average number of bytes a second of one session at this node. */
  sessionBytesPerSecond: 2_097_152,
  /** Average number of messages and requests a second of one user at this node. */
  userMessagesPerSecond: 300,
  /** Average number of bytes a second of one user at this node. */
  userBytesPerSecond: 2_097_152,
  /** Average number of messages and requests a second of all users of this node. */
  nodeMessagesPerSecond: 20_000,
  /** Average number of bytes a second of all users of this node. */
  nodeBytesPerSecond: 134_217_728,
  /** Maximum number of items, and of open questions, of one inbox. The oldest notifications are dropped, open questions never. */
  maxInboxItems: 1_000,
  /** Maximum number of characters of data of the notifications of one inbox; the oldest are dropped. */
  maxInboxLength: 2_097_152,
  /** Time a notification is kept in an inbox, in milliseconds: 90 days. */
  inboxAgeMs: 7_776_000_000,
  /** Maximum number of users who receive what is addressed to a role at once; others see it when they open their inbox. */
  maxRoleMembers: 1_000,
  /** Maximum number of operations in a digest; the ones that changed last are counted. */
  maxDigestOperations: 50,
  /** Number of log entries after which a digest reads no further log. What one page has more is counted too. */
  maxDigestEntries: 5_000,
  /** Maximum number of channels whose last position is kept for a user; the ones that were read last are kept. */
  maxSeenChannels: 200,
  /** Default time that a request may take, in milliseconds. A request or its method can set another. */
  requestTimeoutMs: 30_000,
  /** Time a command may wait for its acknowledgement, in milliseconds. */
  commandAckMs: 15_000,
  /** Time an acknowledged command may take, in milliseconds. */
  commandDoneMs: 60_000,
  /**
   * Maximum number of questions of operations in the store. Those that were settled longest ago make room, and further
   * ones are refused with `store_full`.
   */
  maxQuestions: 20_000,
  /** Time for which a question is kept after its last change and its deadline, in milliseconds: 90 days. */
  questionKeepMs: 7_776_000_000,
  /** Shortest time between two messages about changes of a channel's presence, in milliseconds. */
  presenceWindowMs: 250,
  /** Time for which a member stays present after its last connection was lost, in milliseconds. */
  presenceGraceMs: 5_000,
  /** Time without a refresh by a node after which the members that it held are removed, in milliseconds. */
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
  /** Former name of `maxSendQueueBytes`. If both are set, `maxSendQueueBytes` applies. */
  readonly maxOutboxBytes?: number;
}

/** Returns the limits of a node: those that are set, and the defaults for all others. */
export function resolveLimits({ maxOutboxBytes, ...set }: LimitOptions = {}): CoreLimits {
  const former = maxOutboxBytes === undefined ? {} : { maxSendQueueBytes: maxOutboxBytes };
  return { ...defaultLimits, ...former, ...set };
}
