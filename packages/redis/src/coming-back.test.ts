import { createClient } from "@redis/client";
import { test as anyTest, expect, vi } from "vitest";
import { startNode } from "./testing/redis-node.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const patience = { timeout: 15_000 };
/**
 * Maximum number of Redis calls that do not belong to the recovery itself: batches of registry changes, and
 * heartbeats of both nodes.
 */
const asides = 24;
const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };

test("[G8] hundreds of clients that reconnect at once to any node recover all they missed with few Redis calls", async () => {
  await using server = await startRedis();
  const rules = [
    { pattern: "log:*", subscribe: "authenticated", publish: "granted", retention },
  ] as const;
  await using one = await startNode(server.url, rules);
  await using two = await startNode(server.url, rules);
  const admin = createClient({ url: server.adminUrl, RESP: 2 });
  await admin.connect();
  const calls = async () => {
    const stats = String(await admin.sendCommand(["INFO", "commandstats"]));
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const total = 100;
  const positions: string[] = [];
  for (let n = 1; n <= total; n++) positions.push(await one.publish("log:a", n));
  // The first node in the list has no subscriber, and no entries of the channel in memory.
  for (const [node, most] of [
    [two, total + 5],
    [two, 3],
    [one, total + 5],
    [one, 3],
  ] as const) {
    const before = await calls();
    const sockets = Array.from({ length: 400 }, (_, i) => {
      const at = i % total;
      return { at, socket: node.read("log:a", positions[at]) };
    });
    await vi.waitFor(() => {
      for (const { at, socket } of sockets) {
        const [, answer, ...events] = socket.received();
        expect(answer).toMatchObject({ result: { recovered: true, position: positions[at] } });
        expect(events.map(({ data }) => data)).toEqual(
          Array.from({ length: total - at - 1 }, (_, i) => at + 2 + i),
        );
      }
    }, patience);
    const cost = (await calls()) - before;
    // A node without the entries in memory reads the log once per position. A node that has them checks the log
    // once for all clients, and once more for clients that came later.
    expect(cost).toBeLessThanOrEqual(most + asides);
    for (const { socket } of sockets) socket.drop();
  }
  admin.destroy();
}, 40_000);
