import type { Rule } from "@milepost/core";
import type { Received, TestSocket } from "@milepost/core/testing";
import { createClient } from "@redis/client";
import { test as anyTest, expect, vi } from "vitest";
import { mortalRedis } from "./testing/mortal-redis.ts";
import { type RedisNode, startNode } from "./testing/redis-node.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const patience = { timeout: 15_000 };
const granted = { subscribe: "authenticated", publish: "granted" } as const;
const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const rules: readonly Rule[] = [{ pattern: "log:*", ...granted, retention }];
const channel = "log:a";

/** Returns the deliveries that a socket has received, as `data` or `data#attempt`. */
function deliveries(socket: TestSocket): string[] {
  return socket
    .received()
    .filter(({ type }) => type === "event")
    .map(({ data, attempt }) => (attempt === undefined ? `${data}` : `${data}#${attempt}`));
}

async function replyTo(socket: TestSocket, id: number): Promise<Received> {
  const find = () => socket.received().find((one) => one.type === "reply" && one.id === id);
  await vi.waitFor(() => expect(find()).toBeDefined(), patience);
  return find() as Received;
}

/** Subscribes as the durable subscriber, again until the store answers. */
function subscribed(node: RedisNode): Promise<TestSocket> {
  return vi.waitFor(async () => {
    const socket = node.readDurably(channel, "worker");
    expect(await replyTo(socket, 1)).not.toHaveProperty("error");
    return socket;
  }, patience);
}

async function publishMany(node: RedisNode, from: number, to: number): Promise<string[]> {
  const positions: string[] = [];
  for (let n = from; n <= to; n++) {
    positions.push(await vi.waitFor(() => node.publish(channel, n), patience));
  }
  return positions;
}

async function received(socket: TestSocket, count: number): Promise<void> {
  await vi.waitFor(() => expect(deliveries(socket)).toHaveLength(count), patience);
}

async function ack(socket: TestSocket, id: number, position: string | undefined): Promise<void> {
  socket.send({ type: "ack", id, channel, position });
  expect(await replyTo(socket, id)).not.toHaveProperty("error");
}

test("[G11] [P-ACK-4] after Redis restarts one entry shorter, a durable subscriber receives nothing that it acknowledged, connected or back at another node", async () => {
  await using redis = await mortalRedis();
  await using one = await startNode(redis.url, rules);
  await using two = await startNode(redis.url, rules);
  const socket = await subscribed(one);
  const positions = await publishMany(one, 1, 300);
  await received(socket, 300);
  await ack(socket, 2, positions.at(-1));
  await redis.command("SAVE");
  const [lost] = await publishMany(one, 301, 301);
  await received(socket, 301);
  await ack(socket, 3, lost);
  await redis.killAndRestart();
  await publishMany(two, 1_001, 1_002);
  await vi.waitFor(() => expect(deliveries(socket).slice(301)).toEqual(["1001", "1002"]), patience);
  socket.drop();
  const back = await subscribed(two);
  await publishMany(two, 1_003, 1_003);
  await vi.waitFor(() => expect(deliveries(back)).toEqual(["1001#2", "1002#2", "1003"]), patience);
}, 60_000);

test("[G11] [P-ACK-4] acks that Redis lost in a restart are written back by the node that holds the durable subscriber", async () => {
  await using redis = await mortalRedis();
  await using one = await startNode(redis.url, rules);
  await using two = await startNode(redis.url, rules);
  const socket = await subscribed(one);
  const positions = await publishMany(one, 1, 5);
  await received(socket, 5);
  await ack(socket, 2, positions[0]);
  await redis.command("SAVE");
  await ack(socket, 3, positions[3]);
  await redis.killAndRestart();
  // Redis has the log as it was, and none of the acks after the first.
  await vi.waitFor(() => two.publish("log:other", 0), patience);
  await vi.waitFor(() => one.publish("log:other", 0), patience);
  socket.drop();
  const back = await vi.waitFor(async () => {
    const again = await subscribed(two);
    expect(await replyTo(again, 1)).toMatchObject({ result: { position: positions[3] } });
    return again;
  }, patience);
  await publishMany(two, 6, 6);
  await vi.waitFor(() => expect(deliveries(back).at(-1)).toBe("6"), patience);
  expect(deliveries(back)).toEqual([expect.stringMatching(/^5#[2-9]$/), "6"]);
}, 60_000);

for (const written of [0, 1, 4]) {
  test(`[G11] [P-ACK-4] a durable subscriber whose log alone fell back by three entries receives nothing that it acknowledged, and ${written} new entries`, async () => {
    await using redis = await startRedis();
    await using node = await startNode(redis.url, rules);
    const admin = createClient({ url: redis.adminUrl });
    await admin.connect();
    const socket = await subscribed(node);
    const positions = await publishMany(node, 1, 100);
    const keys = (await admin.keys(`*{${channel}}*`)).filter((key) => !key.includes(":durable"));
    expect(keys.length).toBeGreaterThan(1);
    for (const key of keys) await admin.copy(key, `backup:${key}`);
    const [, , last] = await publishMany(node, 101, 103);
    await received(socket, 103);
    await ack(socket, 2, last);
    socket.drop();
    await vi.waitFor(async () => {
      const [first, ...others] = await admin.keys("*:durable:of:*");
      expect(others).toEqual([]);
      expect(JSON.parse((await admin.hGet(first ?? "", "acked")) ?? "null").offset).toBe(103);
    }, patience);
    for (const key of keys) await admin.copy(`backup:${key}`, key, { REPLACE: true });
    admin.destroy();
    await publishMany(node, 1_001, 1_000 + written);
    const back = await subscribed(node);
    expect(await replyTo(back, 1)).toMatchObject({
      result: { position: positions.at(-1), reason: "tag_mismatch" },
    });
    await publishMany(node, 2_001, 2_001);
    const expected = [...Array.from({ length: written }, (_, i) => `${1_001 + i}`), "2001"];
    await vi.waitFor(() => expect(deliveries(back)).toEqual(expected), patience);
  }, 60_000);
}
