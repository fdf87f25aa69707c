import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { test as anyTest, expect } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const entry = { event: "e", json: "1", publisher: "p" };

test("[G1] an entry is never older than the entry before it, even when it comes from a node whose clock is behind", async () => {
  await using redis = await startRedis();
  const nodeOf = async (seed: number) => {
    const clock = new ManualClock();
    const engine = redisEngine(await connectRedis({ url: redis.url }))({
      clock,
      random: new SeededRandom(seed),
    });
    return { clock, log: engine.log, [Symbol.asyncDispose]: () => engine.close() };
  };
  await using ahead = await nodeOf(1);
  await using behind = await nodeOf(2);
  await ahead.clock.advance(40_000);
  const kept = { maxEntries: 100, maxAgeMs: 60_000, dedupeMs: 60_000 };
  const policy = { ...kept, rollUp: { segments: 1, policy: kept } };
  const first = await ahead.log.append("job:a", entry, policy);
  const second = await behind.log.append("job:a", entry, policy);
  const third = await behind.log.append("job:b", entry, policy);
  expect(second.publication.ts).toBe(first.publication.ts);
  expect(third.publication.ts).toBeLessThan(first.publication.ts);
  const copies = await behind.log.read("job:*", 0, 10, kept);
  expect(copies.entries.map(({ ts }) => ts)).toEqual(Array(3).fill(first.publication.ts));
});
