import { rm } from "node:fs/promises";
import type { StoreHealth } from "@milepost/engine";
import { createClient } from "@redis/client";
import { test as anyTest, expect, vi } from "vitest";
import { ClusterLink } from "./cluster-link.ts";
import { defaultDeadlines } from "./link-deadlines.ts";
import { parseRedisAddress } from "./redis-address.ts";
import { scripts } from "./script.ts";
import { ServerLink } from "./server-link.ts";
import { startRedisCluster } from "./testing/redis-cluster.ts";
import { type RedisServer, startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const logKeys = ["meta", "stream", "state"].map((part) => `milepost:{a}:${part}`);
/** Arguments of `append.lua` for one entry of one log. */
const logArgs = [
  "1",
  "PUBLISH",
  "1",
  "epoch",
  "10 60000 1000 0",
  "milepost:{a}:bus:a",
  "tag",
  "- e\n1",
];
const patience = { timeout: 10_000, interval: 20 };
/** Deadlines with which a link notices within a second what takes 3 s by default. */
const deadlines = { ...defaultDeadlines, canaryIntervalMs: 50, canaryMs: 1_000, openMs: 1_000 };

type Command = (...words: string[]) => Promise<unknown>;

const well: StoreHealth = { connected: true, busConnected: true, takesWrites: true };
const refusing: StoreHealth = { ...well, takesWrites: false };
const full: StoreHealth = { ...refusing, isFull: true };
const gone: StoreHealth = { connected: false, busConnected: false, takesWrites: false };

/** Opens a plain Redis client, in addition to the link. */
async function admin(server: RedisServer) {
  const client = createClient({ url: server.adminUrl, RESP: 2 });
  await client.connect();
  const command: Command = (...words) => client.sendCommand(words);
  return { command, [Symbol.asyncDispose]: async () => client.destroy() };
}

/** Opens a link, and records the changes of its health and its errors. */
async function linked(server: RedisServer, canaryIntervalMs = deadlines.canaryIntervalMs) {
  const errors: string[] = [];
  const link = await ServerLink.open({
    address: parseRedisAddress(server.url),
    locate: async () => ({ host: "127.0.0.1", port: server.port }),
    onError: (error) => errors.push(String(error)),
    deadlines: { ...deadlines, canaryIntervalMs },
  });
  const changes: StoreHealth[] = [];
  link.watch.onChange((health) => changes.push(health));
  return { link, errors, changes, [Symbol.asyncDispose]: () => link.close() };
}

const fillMemory = ["CONFIG", "SET", "maxmemory", "1"];
const freeMemory = ["CONFIG", "SET", "maxmemory", "0"];

/** Ways in which a master that answers refuses every write, each with its reply and its end. */
const ways: readonly (readonly [
  reply: string,
  begin: (command: Command) => Promise<unknown>,
  end: (command: Command) => Promise<unknown>,
])[] = [
  ["OOM", (command) => command(...fillMemory), (command) => command(...freeMemory)],
  [
    "NOREPLICAS",
    (command) => command("CONFIG", "SET", "min-replicas-to-write", "1"),
    (command) => command("CONFIG", "SET", "min-replicas-to-write", "0"),
  ],
  [
    "MISCONF",
    async (command) => {
      const [, folder] = (await command("CONFIG", "GET", "dir")) as string[];
      await rm(folder ?? "", { recursive: true });
      await command("CONFIG", "SET", "save", "3600 1");
      await command("BGSAVE");
    },
    (command) => command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"),
  ],
];

for (const [reply, begin, end] of ways) {
  test(`[G6] a link whose server refuses writes with ${reply} reports that the store takes no writes, until it takes them again`, async () => {
    await using server = await startRedis();
    await using own = await linked(server);
    await using client = await admin(server);
    await begin(client.command);
    const expected = reply === "OOM" ? full : refusing;
    await vi.waitFor(() => expect(own.link.watch.health).toEqual(expected), patience);
    expect(own.errors[0]).toContain(`Redis takes no writes: ${reply}`);
    await end(client.command);
    await vi.waitFor(() => expect(own.link.watch.health).toEqual(well), patience);
    expect(own.changes).toEqual([expected, well]);
  });
}

test("[G6] a link whose server has become a replica is down until the server is a master again", async () => {
  await using server = await startRedis();
  await using own = await linked(server);
  await using client = await admin(server);
  await client.command("REPLICAOF", "127.0.0.1", "1");
  await vi.waitFor(() => expect(own.link.watch.health).toEqual(gone), patience);
  expect(own.errors[0]).toMatch(/is a slave, which takes no writes/);
  await client.command("REPLICAOF", "NO", "ONE");
  await vi.waitFor(() => expect(own.link.watch.health).toEqual(well), patience);
  expect(own.changes).toEqual([gone, well]);
});

test("[G6] a link whose server has paused writes is down for the whole pause, however often it reconnects meanwhile", async () => {
  await using server = await startRedis();
  await using own = await linked(server);
  await using client = await admin(server);
  await client.command("CLIENT", "PAUSE", "100000", "WRITE");
  await vi.waitFor(() => expect(own.errors.length).toBeGreaterThan(3), patience);
  expect(own.changes).toEqual([gone]);
  expect(own.errors[0]).toContain("has paused writes");
  await client.command("CLIENT", "UNPAUSE");
  await vi.waitFor(() => expect(own.link.watch.health).toEqual(well), patience);
  expect(own.changes).toEqual([gone, well]);
}, 20_000);

test("a link whose server answers writes once after a pause shorter than the deadline stays up", async () => {
  await using server = await startRedis();
  await using own = await linked(server);
  await using client = await admin(server);
  await client.command("CLIENT", "PAUSE", "400", "WRITE");
  // This write is answered when the pause is over, and so are the canaries that were sent during the pause.
  await client.command("SET", "a", "b");
  await client.command("SET", "a", "b");
  expect([own.changes, own.errors]).toEqual([[], []]);
});

test("a link whose server refuses a single canary stays up", async () => {
  await using server = await startRedis();
  await using own = await linked(server, 300);
  await using client = await admin(server);
  const count = async (section: string, pattern: RegExp) =>
    Number(pattern.exec(String(await client.command("INFO", section)))?.[1] ?? 0);
  await client.command(...fillMemory);
  await vi.waitFor(
    async () => expect(await count("errorstats", /errorstat_OOM:count=(\d+)/)).toBe(1),
    { timeout: 5_000, interval: 5 },
  );
  await client.command(...freeMemory);
  const calls = () => count("commandstats", /cmdstat_evalsha:calls=(\d+)/);
  const before = await calls();
  await vi.waitFor(async () => expect(await calls()).toBeGreaterThan(before + 2), patience);
  expect([own.changes, own.errors]).toEqual([[], []]);
});

test("[G6] one call that a full server refuses shows at once that the store is full, without waiting for a canary", async () => {
  await using server = await startRedis();
  await using own = await linked(server, 60_000);
  await using client = await admin(server);
  await client.command(...fillMemory);
  const append = () => own.link.run(scripts.append, logKeys, logArgs);
  await expect(append()).rejects.toMatchObject({ code: "store_unavailable" });
  expect(own.link.watch.health).toEqual(full);
  expect(own.errors).toEqual([expect.stringContaining("Redis takes no writes: OOM")]);
  await expect(append()).rejects.toMatchObject({ code: "store_unavailable" });
  expect(own.errors).toHaveLength(1);
});

test("[G6] a link that is opened to a server without memory left is connected, and takes no writes", async () => {
  await using server = await startRedis();
  await using client = await admin(server);
  await client.command(...fillMemory);
  await using own = await linked(server);
  expect(own.link.watch.health).toEqual(full);
  await client.command(...freeMemory);
  await vi.waitFor(() => expect(own.link.watch.health).toEqual(well), patience);
});

test("[G6] a link to a cluster takes no writes while any master refuses them, or the cluster is down", async () => {
  await using redis = await startRedisCluster();
  const errors: string[] = [];
  const onError = (error: unknown) => errors.push(String(error));
  const link = await ClusterLink.open(parseRedisAddress(redis.url), onError, deadlines);
  await using _link = { [Symbol.asyncDispose]: () => link.close() };
  expect(link.watch.health).toEqual(well);
  await redis.command(1, ...fillMemory);
  await vi.waitFor(() => expect(link.watch.health).toEqual(full), patience);
  expect(errors[0]).toContain("Redis takes no writes: OOM");
  await redis.command(1, ...freeMemory);
  await vi.waitFor(() => expect(link.watch.health).toEqual(well), patience);
  // Without its slot's master, a cluster refuses the keys of every slot.
  await redis.command(0, "CLUSTER", "DELSLOTS", "0");
  await vi.waitFor(() => expect(link.watch.health).toEqual(refusing), patience);
  await vi.waitFor(() => expect(errors.join()).toContain("writes: CLUSTERDOWN"), patience);
  await redis.command(0, "CLUSTER", "ADDSLOTS", "0");
  await vi.waitFor(() => expect(link.watch.health).toEqual(well), patience);
}, 40_000);
