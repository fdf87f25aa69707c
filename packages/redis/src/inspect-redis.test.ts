import { test as anyTest, expect } from "vitest";
import { inspectRedis } from "./index.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);

test("inspectRedis warns of settings that weaken a guarantee", async () => {
  await using redis = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
  expect(await inspectRedis(redis.url)).toEqual([
    {
      server: `127.0.0.1:${redis.port}`,
      version: expect.stringMatching(/^\d+\.\d+/),
      warnings: [expect.stringContaining("appendonly"), expect.stringContaining("noeviction")],
    },
  ]);
});

test("inspectRedis has no warnings for a server with appendonly on and noeviction", async () => {
  await using redis = await startRedis(["--appendonly", "yes"]);
  expect(await inspectRedis(redis.url)).toMatchObject([{ warnings: [] }]);
});

test("inspectRedis rejects a wrong password with one line that does not contain it", async () => {
  await using redis = await startRedis(["--requirepass", "right"]);
  const inspected = inspectRedis(redis.adminUrl.replace("//", "//:sesame@"));
  await expect(inspected).rejects.toThrow(/^Redis at 127\.0\.0\.1:\d+: [^\n]*password[^\n]*$/);
});
