import type { ReconnectSpan } from "../connection/connected-client.ts";

const minReconnectMs = 100;
/** Shortest time over which the clients of a node are spread, in milliseconds, however short its drain is. */
const minSpreadMs = 1_000;
/** Shortest span of one client, in milliseconds. */
const minSpanMs = 100;

/**
 * Returns the span in which a client of a node that shuts down should reconnect: its share of the drain. The shares of
 * all clients follow one another, so that the other nodes receive them at an even rate.
 *
 * `index` is the place of the client among the `count` clients of the node.
 */
export function reconnectSpan(index: number, count: number, drainMs: number): ReconnectSpan {
  const end = Math.max(minSpreadMs, drainMs);
  const spread = end - minReconnectMs;
  const min = minReconnectMs + Math.floor((spread * index) / count);
  const max = minReconnectMs + Math.ceil((spread * (index + 1)) / count);
  const latest = Math.min(end, Math.max(max, min + minSpanMs));
  return { min_ms: Math.min(min, latest - minSpanMs), max_ms: latest };
}
