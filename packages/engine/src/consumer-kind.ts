/** Kinds of clients that consume channels: the SDK that a client names, or its transport when it names none. */
export const consumerKinds = ["browser_sdk", "server_sdk", "websocket", "sse", "poll"] as const;

/** One of {@link consumerKinds}. */
export type ConsumerKind = (typeof consumerKinds)[number];

/** Number of consumers of each kind. */
export type ConsumerCounts = Readonly<Record<ConsumerKind, number>>;

/** Returns a record with a count of zero for each kind. */
export function noConsumers(): Record<ConsumerKind, number> {
  return Object.fromEntries(consumerKinds.map((kind) => [kind, 0])) as Record<ConsumerKind, number>;
}
