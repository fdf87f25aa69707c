import type { EngineFactory } from "@milepost/core";
import { Keys } from "./keys.ts";
import { RedisBus } from "./redis-bus.ts";
import { RedisChannelLog } from "./redis-channel-log.ts";
import { RedisClock } from "./redis-clock.ts";
import { RedisLeases } from "./redis-leases.ts";
import type { RedisLink } from "./redis-link.ts";
import { RedisOperationIndex } from "./redis-operation-index.ts";

/** What the engine may be told. */
export interface RedisEngineOptions {
  /** What all keys begin with; `milepost` unless told. */
  readonly prefix?: string;
  /** Where faults that nobody waits for are told. */
  readonly onFault?: (error: unknown) => void;
}

/** Everything in Redis, so that any number of nodes are one service. Closing the engine closes the link. */
export function redisEngine(link: RedisLink, options: RedisEngineOptions = {}): EngineFactory {
  return ({ clock: nodeClock, random }) => {
    const { prefix = "milepost", onFault = () => {} } = options;
    const keys = new Keys(prefix);
    const clock = new RedisClock(nodeClock, link.now());
    return {
      name: "redis",
      log: new RedisChannelLog(link, keys, clock, random, onFault),
      bus: new RedisBus(link, keys),
      operations: new RedisOperationIndex(link, keys, clock),
      leases: new RedisLeases(link, keys, clock, random),
      close: () => link.close(),
    };
  };
}
