import type { Engine, EngineContext } from "@milepost/core";
import { Keys } from "./keys.ts";
import { RedisBus } from "./redis-bus.ts";
import { RedisChannelLog } from "./redis-channel-log.ts";
import { RedisClock } from "./redis-clock.ts";
import { RedisLeases } from "./redis-leases.ts";
import type { RedisLink } from "./redis-link.ts";
import { RedisOperationIndex } from "./redis-operation-index.ts";

/** The ports of an engine that Redis offers so far. */
export type RedisPorts = Pick<Engine, "log" | "bus" | "operations" | "leases" | "close">;

/** What the ports may be told. */
export interface RedisPortsOptions {
  /** What all keys begin with; `milepost` unless told. */
  readonly prefix?: string;
  /** Where faults that nobody waits for are told. */
  readonly onFault?: (error: unknown) => void;
}

/** The ports of one node onto what all nodes share in Redis. Closing them closes the link. */
export function redisPorts(
  link: RedisLink,
  { clock: nodeClock, random }: EngineContext,
  options: RedisPortsOptions = {},
): RedisPorts {
  const { prefix = "milepost", onFault = () => {} } = options;
  const keys = new Keys(prefix);
  const clock = new RedisClock(nodeClock, link.now());
  return {
    log: new RedisChannelLog(link, keys, clock, random, onFault),
    bus: new RedisBus(link, keys),
    operations: new RedisOperationIndex(link, keys, clock),
    leases: new RedisLeases(link, keys, clock, random),
    close: () => link.close(),
  };
}
