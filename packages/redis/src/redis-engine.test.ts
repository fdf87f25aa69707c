import {
  busContract,
  channelLogContract,
  deadLettersContract,
  durableSubscribersContract,
  leasesContract,
  type MakeEngine,
  ManualClock,
  operationIndexContract,
  presenceContract,
  registryContract,
  revocationsContract,
  SeededRandom,
  signalsContract,
} from "@milepost/core/testing";
import { afterAll, describe } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { startRedis } from "./testing/redis-server.ts";

const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const server = isMissing ? undefined : await startRedis();
afterAll(() => server?.[Symbol.asyncDispose]());

let made = 0;

const make: MakeEngine = async () => {
  const clock = new ManualClock();
  const link = await connectRedis({ url: server?.url ?? "" });
  const seed = ++made;
  const context = { clock, random: new SeededRandom(seed) };
  const engine = redisEngine(link, { prefix: `test${seed}` })(context);
  return {
    engine,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => engine.close(),
  };
};

describe.skipIf(isMissing)("on a real redis-server", () => {
  channelLogContract("redis", make);
  busContract("redis", make);
  presenceContract("redis", make);
  durableSubscribersContract("redis", make);
  deadLettersContract("redis", make);
  leasesContract("redis", make);
  operationIndexContract("redis", make);
  registryContract("redis", make);
  signalsContract("redis", make);
  revocationsContract("redis", make);
});
