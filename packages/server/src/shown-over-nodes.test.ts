import { startProxy, startRedis } from "@milepost/redis/testing";
import { expect, test } from "vitest";
import { openEngine } from "./runtime/open-engine.ts";
import { startGateway, type TestGateway } from "./testing/test-gateway.ts";
import type { TestSocket } from "./testing/test-socket.ts";

async function node(url: string): Promise<TestGateway> {
  const log = { info() {}, warn() {}, error() {} };
  const store = await openEngine({ redis: url, redisPrefix: "milepost" }, log);
  if (store === undefined) throw new Error("no engine for the URL of Redis");
  return startGateway({ engine: store.factory, limits: { maxConnectionsPerSession: 10 } });
}

/** Opens a bare WebSocket that reads the channels, and lists what it is shown. */
async function reader(at: TestGateway, query: string) {
  const socket: TestSocket = await at.socket(`/ws?${query}`);
  const seen: unknown[] = [];
  let cursor = "";
  socket.ws.on("message", (bytes: Buffer) => {
    const parsed: unknown = JSON.parse(String(bytes));
    const messages = (Array.isArray(parsed) ? parsed : [parsed]) as Record<string, unknown>[];
    for (const { type, channel, data, event_id } of messages) {
      if (typeof event_id === "string") cursor = event_id;
      if (type === "news") seen.push([channel, data]);
    }
  });
  return { socket, seen, cursor: () => cursor };
}

test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[P-SHOW-1] [P-SHOW-2] [G6] a broadcast at a node that is cut off reaches its readers at once and everybody else afterwards, and nobody twice",
  async () => {
    await using redis = await startRedis();
    const way = await startProxy(redis.port);
    const { port } = way;
    await using cut = await node(redis.url.replace(String(redis.port), String(port)));
    await using well = await node(redis.url);
    const channels = "channels=broadcast,system:*";
    const here = await reader(cut, channels);
    const moving = await reader(cut, channels);
    const there = await reader(well, channels);
    for (const { socket } of [here, moving, there]) {
      await socket.nextOf("subscribed");
      await socket.nextOf("subscribed");
    }
    const both = async (n: number, at: TestGateway) => {
      const all = await at.gateway.publish("broadcast", "news", n);
      await at.gateway.publish("system:maintenance", "news", n);
      return all;
    };
    const news = (n: number) => [
      ["broadcast", n],
      ["system:*", n],
    ];
    await both(0, well);
    for (const { seen } of [here, moving, there]) await expect.poll(() => seen).toEqual(news(0));

    way.cut();
    await here.socket.nextOf("notice");
    expect(await both(1, cut)).toMatchObject({ local: true, spooled: true });
    await expect.poll(() => here.seen).toEqual([...news(0), ...news(1)]);
    await expect.poll(() => moving.seen).toHaveLength(4);
    await both(2, well);
    await expect.poll(() => there.seen).toEqual([...news(0), ...news(2)]);
    moving.socket.terminate();
    const moved = await reader(well, `last_event_id=${encodeURIComponent(moving.cursor())}`);
    await moved.socket.nextOf("subscribed");
    await moved.socket.nextOf("subscribed");

    await using _way = await startProxy(redis.port, port);
    await here.socket.nextOf("notice");
    await expect.poll(() => there.seen.length, { timeout: 10_000 }).toBe(6);
    expect(there.seen).toEqual(expect.arrayContaining(news(1)));
    await both(3, cut);
    for (const { seen } of [here, there, moved]) {
      // Each channel has its own order; a reader may catch up with one of them while the other one is live.
      const newest = () => Object.fromEntries(seen as [string, unknown][]);
      await expect.poll(newest, { timeout: 10_000 }).toEqual({ broadcast: 3, "system:*": 3 });
    }
    const times = (seen: readonly unknown[], n: number) =>
      seen.filter((one) => (one as unknown[])[1] === n).length;
    for (const n of [0, 1, 2, 3]) {
      expect([times(here.seen, n), times(there.seen, n)]).toEqual([2, 2]);
    }
    expect(times(moved.seen, 1)).toBe(0);
    const { body } = await well.call("GET", "/v1/channels/broadcast/history");
    expect(body.entries.map(({ data }: { data: number }) => data).toSorted()).toEqual([0, 1, 2, 3]);
  },
  30_000,
);
