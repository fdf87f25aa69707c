import type { EngineFactory } from "@milepost/engine";
import { BusRouter } from "./bus-router.ts";
import { CountedLink } from "./counted-link.ts";
import { Keys } from "./keys.ts";
import { RedisBus } from "./redis-bus.ts";
import { RedisChannelLog } from "./redis-channel-log.ts";
import { RedisClock } from "./redis-clock.ts";
import { RedisDeadLetterStore } from "./redis-dead-letter-store.ts";
import { RedisDeliveries } from "./redis-deliveries.ts";
import { RedisDurableSubscribers } from "./redis-durable-subscribers.ts";
import { RedisDurations } from "./redis-durations.ts";
import { RedisHoldings } from "./redis-holdings.ts";
import { RedisInbox } from "./redis-inbox.ts";
import { RedisLeases } from "./redis-leases.ts";
import type { RedisLink } from "./redis-link.ts";
import { RedisOperationIndex } from "./redis-operation-index.ts";
import { RedisPresence } from "./redis-presence.ts";
import { RedisQuestions } from "./redis-questions.ts";
import { RedisQueues } from "./redis-queues.ts";
import { RedisRecords } from "./redis-records.ts";
import { RedisRegistry } from "./redis-registry.ts";
import { RedisRevocations } from "./redis-revocations.ts";
import { RedisSignals } from "./redis-signals.ts";
import { RedisSingleUse } from "./redis-single-use.ts";
import { RedisTargets } from "./redis-targets.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Options of {@link redisEngine}. */
export interface RedisEngineOptions {
  /** Prefix of all keys; default `milepost`. */
  readonly prefix?: string;
  /** Called with errors of background work that no caller waits for. By default such errors are ignored. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Returns the factory of one node's engine. All nodes share the engine's state through Redis. Closing the
 * engine closes the link.
 */
export function redisEngine(ownLink: RedisLink, options: RedisEngineOptions = {}): EngineFactory {
  const { prefix = "milepost", onError = () => {} } = options;
  const keys = new Keys(prefix);
  return ({ clock: nodeClock, random, onTrimmed, onCall }) => {
    const link = onCall === undefined ? ownLink : new CountedLink(ownLink, onCall);
    const clock = new RedisClock(nodeClock, () => link.now());
    const router = new BusRouter(link);
    const subscriptions = new Subscriptions(link);
    return {
      name: "redis",
      log: new RedisChannelLog(link, keys, clock, random, onError, onTrimmed),
      bus: new RedisBus(subscriptions, keys, router),
      operations: new RedisOperationIndex(link, keys, clock),
      leases: new RedisLeases(link, keys, clock, random),
      presence: new RedisPresence(link, keys, clock, random, router, subscriptions),
      durable: new RedisDurableSubscribers(link, keys, clock),
      deadLetters: new RedisDeadLetterStore(link, keys, clock, random),
      registry: new RedisRegistry(link, keys, clock),
      signals: new RedisSignals(link, keys, router),
      revocations: new RedisRevocations(link, keys, clock, random),
      durations: new RedisDurations(link, keys, clock),
      records: new RedisRecords(link, keys, clock),
      singleUse: new RedisSingleUse(link, keys, clock),
      questions: new RedisQuestions(link, keys, clock),
      holdings: new RedisHoldings(link, keys, clock),
      queues: new RedisQueues(link, keys, clock),
      deliveries: new RedisDeliveries(link, keys, clock),
      targets: new RedisTargets(link, keys, clock),
      inbox: new RedisInbox(link, keys, clock),
      isShared: true,
      isDurable: true,
      now: () => Number(clock.now()),
      storeMemory: () => link.memory(),
      store: link.watch,
      close: () => link.close(),
    };
  };
}
