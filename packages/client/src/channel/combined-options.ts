import type { SinceOption } from "./channel.ts";
import type { ChannelSubscriber } from "./channel-subscriber.ts";

/**
 * Maximum number of event names in a filter. With more names the client sends no filter, receives all events
 * and filters them itself.
 */
const maxFilterNames = 64;

/** True if both starts are the same. */
export function sameSince(a: SinceOption | undefined, b: SinceOption | undefined): boolean {
  if (typeof a === "object" && typeof b === "object") return a.last === b.last;
  return a === b;
}

/** Returns the names of all events that a subscriber wants; undefined if the gateway is to send all events. */
export function unionOfFilters(
  subscribers: Iterable<ChannelSubscriber>,
): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const { options } of subscribers) {
    if (options.events === undefined) return undefined;
    for (const name of options.events) names.add(name);
  }
  // The gateway rejects an empty list, so the filter holds a reserved name that no event has.
  if (names.size === 0) names.add("presence");
  return names.size > maxFilterNames ? undefined : names;
}

/** Returns the shortest summary period that a subscriber wants, in milliseconds; 0 if one wants no summaries. */
export function finestSummary(subscribers: Iterable<ChannelSubscriber>): number {
  let finest = Number.POSITIVE_INFINITY;
  for (const { options, readsNothing } of subscribers) {
    if (!readsNothing) finest = Math.min(finest, options.summaryMs ?? 0);
  }
  return Number.isFinite(finest) ? finest : 0;
}
