import { type Engine, noConsumers } from "@milepost/engine";
import { publisherOf } from "../rules/principal.ts";
import type { CoreStats, HealthStatus } from "./core.ts";
import type { NodeContext } from "./node-context.ts";

/** True while the engine, or the store behind it, refuses entries because it is full. */
export function isStoreFull({ store, isFull }: Pick<Engine, "store" | "isFull">): boolean {
  return store?.health.isFull === true || isFull?.() === true;
}

/** Counts a node's connections, subscriptions and channels, and reports the state of its store. */
export function coreStats(
  { connections, hub, engine, registration, outage, channels, refusals }: NodeContext,
  isShuttingDown: boolean,
): CoreStats {
  const store = engine.store?.health;
  const outageMs = outage.lastsMs;
  let dead = 0;
  let subscriptions = 0;
  const consumers = noConsumers();
  for (const connection of connections.staying) {
    consumers[connection.consumer]++;
    if (connection.isSilent) dead++;
    subscriptions += connection.subscriptionCount;
  }
  const isFull = isStoreFull(engine);
  let status: HealthStatus = outageMs === undefined && !isFull ? "healthy" : "degraded";
  if (outage.awaitsStore) status = "unhealthy";
  return {
    status: isShuttingDown ? "draining" : status,
    connections: connections.size,
    totalConnections: registration.total,
    dead,
    consumers,
    subscriptions,
    channels: hub.channelCount,
    engine: engine.name,
    isDurable: engine.isDurable === true,
    isFull,
    ...(engine.durability === undefined ? {} : { durability: engine.durability }),
    ...(store === undefined ? {} : { store }),
    ...(outageMs === undefined ? {} : { outageMs }),
    spooled: channels.spooled,
    refused: refusals.counts,
  };
}

/** Counts the people with a connection to this node, each once. */
export function connectedPeople({ connections }: NodeContext): number {
  const people = new Set<string>();
  for (const { principal } of connections.staying) {
    if (principal?.kind === "user") people.add(publisherOf(principal));
  }
  people.delete("anyone");
  return people.size;
}
