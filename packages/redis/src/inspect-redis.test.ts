import { test as anyTest, expect } from "vitest";
import { inspectRedis } from "./index.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);

test("a Redis says what it is set to that weakens a promise", async () => {
  await using redis = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
  expect(await inspectRedis(redis.url)).toEqual([
    {
      server: `127.0.0.1:${redis.port}`,
      version: expect.stringMatching(/^\d+\.\d+/),
      warnings: [expect.stringContaining("appendonly"), expect.stringContaining("noeviction")],
    },
  ]);
});

test("one that keeps what it is given has no warnings", async () => {
  await using redis = await startRedis(["--appendonly", "yes"]);
  expect(await inspectRedis(redis.url)).toMatchObject([{ warnings: [] }]);
});

test("what is wrong with the address is one line without the password", async () => {
  await using redis = await startRedis(["--requirepass", "right"]);
  const inspected = inspectRedis(redis.url.replace("//", "//:sesame@"));
  await expect(inspected).rejects.toThrow(/^Redis at 127\.0\.0\.1:\d+: [^\n]*password[^\n]*$/);
});
