/** Kinds of consumers: the client's SDK when it names one, otherwise the transport it came through. */
export const consumerKinds = ["browser_sdk", "server_sdk", "websocket", "sse", "poll"] as const;

/** One of {@link consumerKinds}. */
export type ConsumerKind = (typeof consumerKinds)[number];

/** Number of consumers of each kind. */
export type ConsumerCounts = Readonly<Record<ConsumerKind, number>>;

/** Returns a count of zero for each kind, to be counted up. */
export function noConsumers(): Record<ConsumerKind, number> {
  return Object.fromEntries(consumerKinds.map((kind) => [kind, 0])) as Record<ConsumerKind, number>;
}
