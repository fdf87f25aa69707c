import type { Rule } from "@milepost/core";
import type { Source } from "@milepost/engine";
import { createClient } from "@redis/client";
import { test as anyTest, expect, vi } from "vitest";
import { redisStreamSource, type StreamSourceOptions } from "./index.ts";
import { startProxy } from "./testing/proxy.ts";
import { type RedisNode, startNode } from "./testing/redis-node.ts";
import { freePort, type RedisServer, startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const patience = { timeout: 15_000 };
const retention = { maxEntries: 10_000, maxAgeMs: 3_600_000 };
const rules: readonly Rule[] = [
  { pattern: "job:*", subscribe: "authenticated", publish: "granted", retention },
];
const stream = "publications";

/** Connects a program that adds entries to the stream with plain Redis commands. */
async function producer(server: RedisServer) {
  const client = createClient({
    url: server.adminUrl,
    RESP: 2,
    socket: { reconnectStrategy: false },
  });
  client.on("error", () => {});
  await client.connect();
  let n = 0;
  return {
    client,
    /** Adds entries with consecutive numbers to the stream, for the channels in turn. */
    async add(count: number, channels = ["job:a"]): Promise<void> {
      for (let i = 0; i < count; i++) {
        const channel = channels[n % channels.length] ?? "";
        await client.xAdd(stream, "*", { channel, event: "n", data: String(++n) });
      }
    },
    raw: (fields: Record<string, string | Buffer>) => client.xAdd(stream, "*", fields),
    async pending(): Promise<number> {
      return (await client.xPending(stream, "milepost")).pending;
    },
    [Symbol.asyncDispose]: async () => {
      if (client.isOpen) client.destroy();
    },
  };
}

/** Starts a source that hands its entries to a node. Disposing the source closes it. */
function reading(
  node: Pick<RedisNode, "core">,
  options: Partial<StreamSourceOptions> & { readonly url: string },
  faults: unknown[] = [],
): Source & AsyncDisposable {
  const source = redisStreamSource({ stream, onError: (error) => faults.push(error), ...options });
  source.start((name, entry) => node.core.sources.take(name, entry));
  return Object.assign(source, { [Symbol.asyncDispose]: () => source.close() });
}

async function published(node: RedisNode, channel = "job:a"): Promise<unknown[]> {
  const service = { kind: "service", name: "test" } as const;
  const { entries } = await node.core.channels.history(service, channel, { limit: 1_000 });
  return entries.map(({ data }) => data);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

test("[P-SRC-1] entries added to a stream are published in order and acknowledged, and none is published twice", async () => {
  await using server = await startRedis();
  await using node = await startNode(server.url, rules);
  await using adds = await producer(server);
  // The consumer group begins with the entries that the stream already has.
  await adds.add(150);
  const source = reading(node, { url: server.url, batch: 40 });
  await adds.add(50);
  await vi.waitFor(async () => expect(await published(node)).toEqual(upTo(200)), patience);
  await vi.waitFor(async () => expect(await adds.pending()).toBe(0), patience);
  await source.close();
  await adds.add(10);
  // The closed source deleted its consumer from the group, and the next source continues where the closed one
  // stopped.
  expect(await adds.client.xInfoConsumers(stream, "milepost")).toEqual([]);
  await using _next = reading(node, { url: server.url, remove: true });
  await vi.waitFor(async () => expect(await published(node)).toEqual(upTo(210)), patience);
  await vi.waitFor(async () => expect(await adds.client.xLen(stream)).toBe(200), patience);
}, 30_000);

test("[P-SRC-2] an invalid entry becomes a dead letter with its reason, and later entries are published", async () => {
  await using server = await startRedis();
  await using node = await startNode(server.url, rules);
  await using adds = await producer(server);
  await using _source = reading(node, { url: server.url });
  await adds.raw({ channel: "job:a", event: "n", data: "no json" });
  await adds.raw({ channel: "job a*", event: "n", data: "1" });
  await adds.raw({ nothing: "of use" });
  await adds.raw({ channel: "job:a", event: "n", data: Buffer.from([0x22, 0xff, 0x22]) });
  await adds.add(1);
  await vi.waitFor(async () => expect(await published(node)).toEqual([1]), patience);
  await vi.waitFor(async () => expect(await adds.pending()).toBe(0), patience);
  const { letters } = await node.core.deadLetters.list({ kind: "service", name: "test" }, {});
  expect(letters.map(({ reason }) => reason.split(":")[1]?.trim()).sort()).toEqual([
    "bad_json",
    "bad_message",
    "bad_message",
    "invalid_channel",
  ]);
}, 30_000);

test("[P-SRC-3] [G3] when a node dies between storing and acknowledging, another continues without a lost or doubled entry", async () => {
  await using server = await startRedis();
  await using node = await startNode(server.url, rules);
  await using adds = await producer(server);
  await using way = await startProxy(server.port);
  const channels = ["job:a", "job:b", "job:c"];
  await adds.add(90, channels);
  let stored = 0;
  let died: () => void = () => {};
  const death = new Promise<void>((resolve) => {
    died = resolve;
  });
  const dying = redisStreamSource({ url: way.url, stream, batch: 30, turnMs: 500 });
  dying.start(async (name, entry) => {
    const taken = await node.core.sources.take(name, entry);
    if (++stored === 47) {
      // The entry is in the log now, but this node can no longer acknowledge it.
      way.cut();
      died();
    }
    return taken;
  });
  await death;
  expect(await adds.pending()).toBeGreaterThan(0);
  await using _standby = reading(node, { url: server.url, turnMs: 500 });
  await adds.add(30, channels);
  for (const [i, channel] of channels.entries()) {
    const own = upTo(120).filter((n) => n % 3 === (i + 1) % 3);
    await vi.waitFor(async () => expect(await published(node, channel)).toEqual(own), patience);
  }
  await vi.waitFor(async () => expect(await adds.pending()).toBe(0), patience);
  await dying.close();
}, 30_000);

test("[P-SRC-3] only one node reads at a time, and the stream's order holds when the reading source closes", async () => {
  await using server = await startRedis();
  await using one = await startNode(server.url, rules);
  await using two = await startNode(server.url, rules);
  await using adds = await producer(server);
  const by: string[] = [];
  const closed: Promise<void>[] = [];
  const begin = (node: RedisNode) => {
    const source = redisStreamSource({ url: server.url, stream, batch: 7 });
    source.start((name, entry) => {
      by.push(node.core.node);
      // The reading source closes in the middle of the work.
      if (by.length === 100) closed.push(source.close());
      return node.core.sources.take(name, entry);
    });
    return source;
  };
  const sources = [begin(one), begin(two)];
  await adds.add(240);
  await vi.waitFor(async () => expect(await published(one)).toEqual(upTo(240)), patience);
  expect(by.length).toBe(240);
  // One node took the first hundred entries and at most the rest of its last batch. The other node took all
  // later entries.
  const last = by.lastIndexOf(by[0] ?? "");
  expect(last).toBeGreaterThanOrEqual(99);
  expect(last).toBeLessThan(107);
  expect(new Set(by.slice(0, last + 1)).size).toBe(1);
  await Promise.all([...closed, ...sources.map((source) => source.close())]);
  expect(await adds.client.xInfoConsumers(stream, "milepost")).toEqual([]);
}, 40_000);

test("[P-SRC-3] [G1] a node that was cut off and lost its turn to read publishes nothing after the entry in progress", async () => {
  await using server = await startRedis();
  await using node = await startNode(server.url, rules);
  await using adds = await producer(server);
  await using way = await startProxy(server.port);
  await adds.add(10);
  let wake: () => void = () => {};
  const asleep = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const taken: unknown[] = [];
  const sleeper = redisStreamSource({ url: way.url, stream, turnMs: 400 });
  sleeper.start(async (name, entry) => {
    if (entry.fields.data === "4") {
      way.cut();
      await asleep;
    }
    taken.push(entry.fields.data);
    return node.core.sources.take(name, entry);
  });
  await vi.waitFor(async () => expect(await published(node)).toEqual([1, 2, 3]), patience);
  await using _next = reading(node, { url: server.url, turnMs: 400 });
  await vi.waitFor(async () => expect(await published(node)).toEqual(upTo(10)), patience);
  wake();
  await sleeper.close();
  expect(taken).toEqual(["1", "2", "3", "4"]);
  expect(await published(node)).toEqual(upTo(10));
}, 30_000);

test("[P-SRC-3] with ordered: false all nodes share the stream and claim the pending entries of a dead node", async () => {
  await using server = await startRedis();
  await using node = await startNode(server.url, rules);
  await using adds = await producer(server);
  await using way = await startProxy(server.port);
  const hung = redisStreamSource({ url: way.url, stream, ordered: false, batch: 5 });
  let inHand = 0;
  hung.start(() => {
    inHand++;
    return new Promise(() => {});
  });
  await adds.add(5);
  await vi.waitFor(() => expect(inHand).toBe(1), patience);
  way.cut();
  await using _one = reading(node, { url: server.url, ordered: false, claimIdleMs: 300 });
  await using _two = reading(node, { url: server.url, ordered: false, claimIdleMs: 300 });
  await adds.add(100);
  await vi.waitFor(async () => {
    const all = (await published(node)) as number[];
    expect(all.sort((a, b) => a - b)).toEqual(upTo(105));
  }, patience);
  await vi.waitFor(async () => expect(await adds.pending()).toBe(0), patience);
}, 30_000);

test("[P-SRC-3] an entry that cannot be stored holds up only its own channel, and stays pending after a close", async () => {
  await using server = await startRedis();
  await using node = await startNode(server.url, rules);
  await using adds = await producer(server);
  let blocks = true;
  let refusals = 0;
  const begin = () => {
    const source = redisStreamSource({ url: server.url, stream });
    source.start(async (name, entry) => {
      if (blocks && entry.fields.data === "3") {
        refusals++;
        throw Object.assign(new Error("not now"), { retryable: true });
      }
      return node.core.sources.take(name, entry);
    });
    return source;
  };
  await adds.add(10, ["job:a", "job:b"]);
  const first = begin();
  await vi.waitFor(() => expect(refusals).toBeGreaterThan(1), patience);
  await vi.waitFor(
    async () => expect(await published(node, "job:b")).toEqual([2, 4, 6, 8, 10]),
    patience,
  );
  expect(await published(node)).toEqual([1]);
  await first.close();
  expect(await adds.pending()).toBe(4);
  blocks = false;
  const second = begin();
  await vi.waitFor(async () => expect(await published(node)).toEqual([1, 3, 5, 7, 9]), patience);
  await second.close();
  expect(await adds.pending()).toBe(0);
}, 30_000);

test("[P-SRC-3] after Redis lost the consumer group or restarted empty, the stream is read from its start", async () => {
  await using server = await startRedis();
  const { port } = server;
  await using other = await startRedis();
  // The channels are on another Redis, so that only the stream is lost.
  await using node = await startNode(other.url, rules);
  const faults: unknown[] = [];
  {
    await using adds = await producer(server);
    await using _source = reading(node, { url: server.url, turnMs: 500 }, faults);
    await adds.add(3);
    await vi.waitFor(async () => expect(await published(node)).toEqual([1, 2, 3]), patience);
    await adds.client.sendCommand(["FLUSHALL"]);
    await adds.add(3);
    await vi.waitFor(async () => expect(await published(node)).toEqual(upTo(6)), patience);
    await server[Symbol.asyncDispose]();
    await using again = await startRedis([], port);
    await using later = await producer(again);
    await later.add(2);
    await vi.waitFor(
      async () => expect(await published(node)).toEqual([...upTo(6), 1, 2]),
      patience,
    );
  }
  expect(faults.length).toBeGreaterThan(0);
}, 40_000);

test("[P-SRC-3] a source with from: new skips no entry when it reconnects to a Redis that lost the consumer group", async () => {
  await using server = await startRedis();
  await using other = await startRedis();
  // The channels are on another Redis, so that only the stream is lost.
  await using node = await startNode(other.url, rules);
  await using adds = await producer(server);
  await adds.add(2);
  const way = await startProxy(server.port);
  await using _source = reading(node, { url: way.url, turnMs: 500, from: "new" });
  await vi.waitFor(async () => {
    expect(await adds.client.xInfoGroups(stream)).toHaveLength(1);
  }, patience);
  await adds.add(2);
  await vi.waitFor(async () => expect(await published(node)).toEqual([3, 4]), patience);
  way.cut();
  await adds.client.del(stream);
  await adds.add(2);
  await using _again = await startProxy(server.port, way.port);
  await vi.waitFor(
    async () => expect(await adds.client.xInfoGroups(stream)).toHaveLength(1),
    patience,
  );
  await adds.add(1);
  await vi.waitFor(async () => expect(await published(node)).toContain(7), patience);
  expect(await published(node)).toEqual([3, 4, 5, 6, 7]);
}, 30_000);

test("on a cluster the source follows the redirect to the node that has the stream", async () => {
  await using elsewhere = await startRedis();
  await using node = await startNode(elsewhere.url, rules);
  const clustered = async () =>
    startRedis(["--cluster-enabled", "yes", "--cluster-port", String(await freePort())]);
  await using one = await clustered();
  await using two = await clustered();
  await using first = await producer(one);
  await using second = await producer(two);
  // The stream's slot is in the second server's half.
  await first.client.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
  await second.client.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
  const busPort = /@(\d+)/.exec(String(await second.client.sendCommand(["CLUSTER", "NODES"])))?.[1];
  await first.client.sendCommand([
    "CLUSTER",
    "MEET",
    "127.0.0.1",
    String(two.port),
    String(busPort),
  ]);
  for (const { client } of [first, second]) {
    await vi.waitFor(
      async () =>
        expect(String(await client.sendCommand(["CLUSTER", "INFO"]))).toContain("cluster_state:ok"),
      patience,
    );
  }
  await expect(first.add(1)).rejects.toThrow("MOVED");
  const faults: unknown[] = [];
  const url = one.url.replace("redis://", "redis+cluster://");
  await using _source = reading(node, { url }, faults);
  await second.add(3);
  await vi.waitFor(async () => expect(await published(node)).toEqual([1, 2, 3]), patience);
  expect(faults.map(String)).toEqual([expect.stringContaining("MOVED")]);
}, 40_000);

test("an entry deleted before it was handed over is skipped, and a key that is not a stream is reported as an error", async () => {
  await using server = await startRedis();
  await using node = await startNode(server.url, rules);
  await using adds = await producer(server);
  await adds.client.xGroupCreate(stream, "milepost", "0", { MKSTREAM: true });
  await adds.add(4);
  await adds.client.xReadGroup("milepost", "gone", { key: stream, id: ">" });
  const entries = await adds.client.xRange(stream, "-", "+");
  await adds.client.xDel(stream, entries?.[1]?.id ?? "");
  await using _source = reading(node, { url: server.url });
  await vi.waitFor(async () => expect(await published(node)).toEqual([1, 3, 4]), patience);
  await adds.client.set("publications-as-text", "x");
  const faults: unknown[] = [];
  await using _wrong = reading(node, { url: server.url, stream: "publications-as-text" }, faults);
  await vi.waitFor(() => expect(String(faults[0])).toContain("WRONGTYPE"), patience);
}, 30_000);
