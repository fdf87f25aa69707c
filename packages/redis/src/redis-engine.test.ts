import {
  busContract,
  channelLogContract,
  leasesContract,
  type MakeEngine,
  ManualClock,
  operationIndexContract,
  SeededRandom,
} from "@milepost/core/testing";
import { afterAll } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { startRedis } from "./testing/redis-server.ts";

const server = await startRedis();
afterAll(() => server[Symbol.asyncDispose]());

let made = 0;

const make: MakeEngine = async () => {
  const clock = new ManualClock();
  const link = await connectRedis({ url: server.url });
  const seed = ++made;
  const engine = redisEngine(link, { prefix: `test${seed}` })({
    clock,
    random: new SeededRandom(seed),
  });
  return {
    engine,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => engine.close(),
  };
};

channelLogContract("redis", make);
busContract("redis", make);
leasesContract("redis", make);
operationIndexContract("redis", make);
