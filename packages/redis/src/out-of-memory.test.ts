import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { createClient } from "@redis/client";
import { test as anyTest, expect } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const policy = { maxEntries: 100, maxAgeMs: 60_000, dedupeMs: 60_000 };
const entry = { event: "e", json: JSON.stringify("x".repeat(1_000)), publisher: "p" };
const operation = {
  summary: {
    operation_id: "o",
    kind: "index",
    title: "Index",
    status: "running",
    attempt: 1,
    percent: 0,
    warnings: 0,
    errors: 0,
    created_at: 1,
    updated_at: 1,
  },
  service: "backend",
  waitingCommands: 0,
  offset: 1,
  fence: 1,
} as const;

test("[G2] when Redis has no memory left, appends are rejected, while reads, leases and the registry still work", async () => {
  await using redis = await startRedis();
  const engine = redisEngine(await connectRedis({ url: redis.url }))({
    clock: new ManualClock(),
    random: new SeededRandom(),
  });
  await using _engine = { [Symbol.asyncDispose]: () => engine.close() };
  const { log, leases, registry, durable, operations } = engine;
  await log.append("job:known", entry, policy);
  const { token = "" } = (await leases.acquire("a", 60_000)) ?? {};
  const node = { id: "n.1", name: "n", since: 0, connections: 0 };
  await registry.refresh(node, 60_000);
  const key = { channel: "job:known", owner: "user:ada", name: "worker" };
  const bounds = { maxPerChannel: 3, maxReplays: 2, keepMs: 60_000 };
  const { position } = await log.snapshot("job:known", policy);
  const claim = await durable.claim(key, position, bounds);
  const admin = createClient({ url: redis.adminUrl, RESP: 2 });
  await admin.connect();
  await using _admin = { [Symbol.asyncDispose]: async () => admin.destroy() };
  await admin.configSet("maxmemory", "1");
  await admin.configSet("maxmemory-policy", "noeviction");

  const full = { code: "store_unavailable", message: expect.stringContaining("memory") };
  for (const channel of ["job:known", "job:new"]) {
    await expect(log.append(channel, entry, policy)).rejects.toMatchObject(full);
    await expect(log.append(channel, { ...entry, key: "k" }, policy)).rejects.toMatchObject(full);
  }
  await expect(operations.put(operation, 60_000)).rejects.toMatchObject(full);

  expect((await log.read("job:known", 0, 10, policy)).entries).toHaveLength(1);
  expect((await log.read("job:read", 0, 10, policy)).entries).toEqual([]);
  expect(await log.snapshot("job:known", policy)).toMatchObject({ position: { offset: 1 } });
  expect(await leases.renew("a", token)).toBeDefined();
  expect(await registry.refresh(node, 60_000)).toMatchObject({ isNew: false });
  const connection = { id: "c", user: "ada", consumer: "websocket", since: 0 } as const;
  await registry.change("n.1", { enter: [connection], leave: [] });
  expect(await registry.list({ user: "ada" }, 10)).toHaveLength(1);
  expect(await durable.look(key, claim?.fence ?? 0, 0, bounds)).toEqual([]);

  await admin.configSet("maxmemory", "0");
  const { publication } = await log.append("job:known", entry, policy);
  expect(publication.position).toMatchObject({ epoch: position.epoch, offset: 2 });
});
