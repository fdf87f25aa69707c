import {
  engineContract,
  type MakeEngine,
  ManualClock,
  SeededRandom,
} from "@milepost/engine/testing";
import { afterAll, describe, expect } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { lastingKeys } from "./testing/lasting-keys.ts";
import { startRedisCluster } from "./testing/redis-cluster.ts";
import { startRedisSentinels } from "./testing/redis-sentinels.ts";
import { startRedis } from "./testing/redis-server.ts";

const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const topologies = isMissing
  ? []
  : ([
      ["a redis-server", await startRedis()],
      ["a Sentinel set", await startRedisSentinels()],
      ["a cluster of three masters", await startRedisCluster()],
    ] as const);
afterAll(() => Promise.all(topologies.map(([, redis]) => redis[Symbol.asyncDispose]())));

let made = 0;

function portsOf(redis: (typeof topologies)[number][1]): readonly number[] {
  return "servers" in redis ? redis.servers.map(({ port }) => port) : [redis.port];
}

/** Creates engines at `url`. Each engine must leave no key behind that never expires. */
function makeAt(url: string, ports: readonly number[]): MakeEngine {
  return async () => {
    const clock = new ManualClock();
    const link = await connectRedis({ url });
    const seed = ++made;
    const context = { clock, random: new SeededRandom(seed) };
    const prefix = `milepost:test${seed}`;
    const engine = redisEngine(link, { prefix })(context);
    return {
      engine,
      advance: (ms) => clock.advance(ms),
      [Symbol.asyncDispose]: async () => {
        await engine.close();
        expect(await lastingKeys(ports, prefix)).toEqual([]);
      },
    };
  };
}

describe.skipIf(isMissing).for(topologies)("the Redis engine on %s", ([, redis]) => {
  const make = makeAt(redis.url, portsOf(redis));
  engineContract("redis", make);
});
