import type { StoreMemory } from "@milepost/engine";
import { publisherOf } from "../rules/principal.ts";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import type { CoreStats } from "./core.ts";
import { coreStats, isStoreFull } from "./core-stats.ts";
import type { NodeContext } from "./node-context.ts";

/** Time for which the readings of one scrape are shared by all gauges, in milliseconds. */
const sharedMs = 50;

interface Waiting {
  readonly bytes: number;
  readonly slow: number;
}

/** Gauges of a node, which are read when its metrics are collected. */
export class NodeGauges {
  readonly #context: NodeContext;
  readonly #stats: () => CoreStats;
  #storeMemory: StoreMemory | undefined;
  #readsMemory: Promise<void> | undefined;

  constructor(context: NodeContext, isShuttingDown: () => boolean) {
    this.#context = context;
    const { instruments, clock, connections, channels, hub, engine, ownership } = context;
    // Going through all connections once per scrape is enough.
    const shared = <T>(read: () => T) => {
      let at = Number.NEGATIVE_INFINITY;
      let value: T | undefined;
      return (): T => {
        const now = clock.monotonic();
        if (value === undefined || now - at > sharedMs) {
          value = read();
          at = now;
        }
        return value;
      };
    };
    this.#stats = shared(() => coreStats(context, isShuttingDown()));
    const waiting = shared(() => this.#waiting());
    instruments.connections.readFrom(() => connections.size);
    instruments.connectionLimit.readFrom(() => context.limits.maxConnections);
    instruments.connectionsByConsumer.readFrom(() => this.#stats().consumers);
    instruments.clusterConnections.readFrom(() => this.#stats().totalConnections);
    instruments.silentConnections.readFrom(() => this.#stats().dead);
    instruments.connectionsPerUser.readFrom(() => this.#connectionsPerUser());
    instruments.subscriptions.readFrom(() => this.#stats().subscriptions);
    instruments.sendQueueBytes.readFrom(() => waiting().bytes);
    instruments.slowConnections.readFrom(() => waiting().slow);
    instruments.status.readFrom(() => {
      const { status } = this.#stats();
      return { healthy: 0, degraded: 0, draining: 0, unhealthy: 0, [status]: 1 };
    });
    instruments.storeLink.readFrom(() => {
      const health = engine.store?.health;
      if (health === undefined) return {};
      const { connected, busConnected, takesWrites } = health;
      return { connected: +connected, bus: +busConnected, writes: +takesWrites };
    });
    instruments.storeOutage.readFrom(() => (context.outage.lastsMs ?? 0) / 1_000);
    instruments.storeMemory.readFrom(() => ({ ...this.#storeMemory }));
    instruments.dataBytes.readFrom(() => ({ ...engine.dataSizes?.() }));
    instruments.storeFull.readFrom(() => (isStoreFull(engine) ? 1 : 0));
    instruments.memoryBytes.readFrom(() => engine.memoryBytes?.() ?? 0);
    instruments.channels.readFrom(() => hub.channelCount);
    instruments.pendingSubscriptions.readFrom(() => ownership.size);
    instruments.waitingPublishBytes.readFrom(() => channels.waitingLength);
    instruments.spooledPublishes.readFrom(() => channels.spooled);
  }

  /**
   * Reads what the store must be asked for. Resolves once it has answered or failed; a store that hangs keeps its last
   * values, so callers bound their wait.
   */
  refresh(): Promise<void> {
    this.#readsMemory ??= this.#readMemory().finally(() => {
      this.#readsMemory = undefined;
    });
    return this.#readsMemory;
  }

  async #readMemory(): Promise<void> {
    try {
      this.#storeMemory = await this.#context.engine.storeMemory?.();
    } catch {
      // Whether the store can be reached is told by other metrics. Values that are not current would mislead.
      this.#storeMemory = undefined;
    }
  }

  #connectionsPerUser(): Iterable<number> {
    const counts = new Map<string, number>();
    for (const { principal } of this.#context.connections.staying) {
      if (principal?.kind !== "user") continue;
      const person = publisherOf(principal);
      counts.set(person, (counts.get(person) ?? 0) + 1);
    }
    return counts.values();
  }

  #waiting(): Waiting {
    let bytes = 0;
    let slow = 0;
    for (const { waitingBytes } of this.#context.connections.staying) {
      bytes += waitingBytes;
      if (waitingBytes > highWaterBytes) slow++;
    }
    return { bytes, slow };
  }
}
