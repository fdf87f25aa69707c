import type { IndexedOperation } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { createClient } from "@redis/client";
import { afterAll, test as anyTest, expect } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { startRedis } from "./testing/redis-server.ts";

const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const test = anyTest.skipIf(isMissing);
const redis = isMissing ? undefined : await startRedis();
const admin = createClient({ url: redis?.adminUrl ?? "", RESP: 2 });
if (!isMissing) await admin.connect();
afterAll(async () => {
  if (!isMissing) admin.destroy();
  await redis?.[Symbol.asyncDispose]();
});

async function makeEngine(prefix: string) {
  const link = await connectRedis({ url: redis?.url ?? "" });
  return redisEngine(link, { prefix: `milepost:${prefix}` })({
    clock: new ManualClock(),
    random: new SeededRandom(1),
  });
}

const operation: IndexedOperation = {
  summary: {
    operation_id: "o",
    kind: "index",
    title: "Index",
    status: "running",
    session_id: "s",
    user_id: "ada",
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
};

test("an operation that was removed leaves no key behind, and one that changed hands stays in no list of its former owner", async () => {
  const { operations, close } = await makeEngine("operations");
  await operations.put(operation, 60_000, 5);
  await operations.put(
    { ...operation, summary: { ...operation.summary, user_id: "bob" }, offset: 2 },
    60_000,
    5,
  );
  const keys = await admin.keys("milepost:operations:*");
  expect(keys.filter((key) => key.includes("ada"))).toEqual([]);
  expect(keys).not.toEqual([]);
  await operations.remove("o");
  expect(await admin.keys("milepost:operations:*")).toEqual([]);
  await close();
});

test("a connection that was closed leaves no key behind", async () => {
  const { registry, close } = await makeEngine("registry");
  const connection = { id: "c", user: "ada", session: "s", since: 0, consumer: "sse" } as const;
  await registry.change("n", { enter: [connection], leave: [] });
  expect(await admin.keys("milepost:registry:*")).not.toEqual([]);
  await registry.change("n", { enter: [], leave: [connection] });
  expect(await admin.keys("milepost:registry:*")).toEqual([]);
  await close();
});
