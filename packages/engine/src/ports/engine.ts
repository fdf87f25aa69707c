import type { Bus } from "./bus.ts";
import type { ChannelLog } from "./channel-log.ts";
import type { Clock } from "./clock.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import type { DurableSubscribers } from "./durable-subscribers.ts";
import type { Leases } from "./leases.ts";
import type { OperationIndex } from "./operation-index.ts";
import type { Presence } from "./presence.ts";
import type { Random } from "./random.ts";
import type { Registry } from "./registry.ts";
import type { Revocations } from "./revocations.ts";
import type { Signals } from "./signals.ts";
import type { StoreWatch } from "./store-health.ts";

/** Shared state behind ports: one per deployment, in memory or in Redis. */
export interface Engine {
  readonly name: string;
  readonly log: ChannelLog;
  readonly bus: Bus;
  readonly operations: OperationIndex;
  readonly leases: Leases;
  readonly presence: Presence;
  readonly durable: DurableSubscribers;
  readonly deadLetters: DeadLetterStore;
  readonly registry: Registry;
  readonly signals: Signals;
  readonly revocations: Revocations;
  /** Several nodes may work on it, so that each must notice what another that died has left. */
  readonly isShared?: boolean;
  /** How the store is doing; absent where it is part of the process, which cannot lose it. */
  readonly store?: StoreWatch;
  close(): Promise<void>;
}

/** What an engine is made with. */
export interface EngineContext {
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes an engine once the node's clock and randomness are known. */
export type EngineFactory = (context: EngineContext) => Engine;
