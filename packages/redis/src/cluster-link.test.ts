import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { test as anyTest, describe, expect, vi } from "vitest";
import { hashSlot } from "./hash-slot.ts";
import { connectRedis, redisEngine } from "./index.ts";
import { scripts } from "./script.ts";
import { type Proxy as RedisProxy, startProxy } from "./testing/proxy.ts";
import { type RedisCluster, startRedisCluster } from "./testing/redis-cluster.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const patience = { timeout: 10_000, interval: 20 };
const policy = { maxEntries: 1_000, maxAgeMs: 60_000, dedupeMs: 60_000 };

test.each([
  ["foo", 12_182],
  ["{foo}.bar", 12_182],
  ["123456789", 12_739],
  ["{}x", hashSlot("{}x")],
])("the slot of %s is what Redis says", async (key, slot) => {
  expect(hashSlot(key)).toBe(slot);
});

describe("a cluster", () => {
  test("[G1] [G3] [G4] a slot that moves under a publisher and a subscriber: each entry once, in order, and heard", {
    timeout: 25_000,
  }, async () => {
    await using cluster = await startRedisCluster();
    const engine = await openEngine(cluster.url);
    const subscriber = await openEngine(cluster.url);
    await using _engines = {
      [Symbol.asyncDispose]: async () =>
        void (await Promise.all([engine.close(), subscriber.close()])),
    };
    const heard: number[] = [];
    let disruptions = 0;
    subscriber.bus.listen(
      ({ position }) => heard.push(position.offset),
      () => disruptions++,
    );
    await subscriber.bus.subscribe("job:1", policy);
    const slot = String(hashSlot("{job:1}"));
    const ids = await Promise.all(
      cluster.servers.map((_, i) => cluster.command(i, "CLUSTER", "MYID")),
    );
    const from = cluster.servers.findIndex((_, i) => ownerOf(Number(slot)) === i);
    const to = (from + 1) % cluster.servers.length;
    const offsets: number[] = [];
    let hasMoved = false;
    const publish = async (n: number) => {
      for (;;) {
        try {
          const entry = { event: "e", json: String(n), publisher: "p", key: `key-${n}` };
          const { publication } = await engine.log.append("job:1", entry, policy);
          offsets.push(publication.position.offset);
          return;
        } catch (error) {
          // While a slot is under way Redis refuses some calls without running them.
          if (!(error instanceof MilepostError) || !error.retryable) throw error;
        }
      }
    };
    const publishing = (async () => {
      for (let n = 1; n <= 50 || !hasMoved; n++) await publish(n);
    })();
    await vi.waitFor(() => expect(offsets.length).toBeGreaterThan(10), patience);
    const target = cluster.servers[to]?.port;
    await cluster.command(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", String(ids[from]));
    await cluster.command(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", String(ids[to]));
    for (;;) {
      const keys = (await cluster.command(
        from,
        ...["CLUSTER", "GETKEYSINSLOT", slot, "1000"],
      )) as string[];
      if (keys.length === 0) break;
      const move = ["MIGRATE", "127.0.0.1", String(target), "", "0", "5000", "KEYS", ...keys];
      await cluster.command(from, ...move);
    }
    for (const node of [to, from]) {
      await cluster.command(node, "CLUSTER", "SETSLOT", slot, "NODE", String(ids[to]));
    }
    hasMoved = true;
    await publishing;
    expect(offsets).toEqual(offsets.map((_, i) => i + 1));
    await vi.waitFor(() => expect(disruptions).toBeGreaterThan(0), patience);
    await publish(offsets.length + 1);
    await vi.waitFor(() => expect(heard.at(-1)).toBe(offsets.at(-1)), patience);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
    const { entries } = await engine.log.read("job:1", 0, 10_000, policy);
    expect(entries.map(({ json }) => Number(json))).toEqual(offsets);
  });

  test("[G1] [G4] a replica takes over from a master that is killed, and is followed", {
    timeout: 25_000,
  }, async () => {
    await using cluster = await startRedisCluster({ replica: true });
    const link = await connectRedis({ url: cluster.url });
    const engine = redisEngine(link)({ clock: new ManualClock(), random: new SeededRandom() });
    await using _engine = { [Symbol.asyncDispose]: () => engine.close() };
    const heard: number[] = [];
    let disruptions = 0;
    engine.bus.listen(
      ({ position }) => heard.push(position.offset),
      () => disruptions++,
    );
    const channel = channelOf(0);
    await engine.bus.subscribe(channel, policy);
    const append = async (n: number) => {
      const entry = { event: "e", json: String(n), publisher: "p", key: `key-${n}` };
      return (await engine.log.append(channel, entry, policy)).publication.position.offset;
    };
    expect(await append(1)).toBe(1);
    await cluster.command(0, "WAIT", "1", "5000");
    cluster.servers[0]?.process.kill("SIGKILL");
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(false), patience);
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(true), patience);
    await vi.waitFor(() => expect(disruptions).toBeGreaterThan(0), patience);
    expect(await append(1)).toBe(1);
    expect(await append(2)).toBe(2);
    await vi.waitFor(() => expect(heard.at(-1)).toBe(2), patience);
  });

  test("[G6] is away while one of its masters is, and says so", async () => {
    await using cluster = await startRedisCluster();
    const link = await connectRedis({ url: cluster.url });
    await using _link = { [Symbol.asyncDispose]: () => link.close() };
    expect(link.watch.health).toEqual({ connected: true, busConnected: true });
    cluster.servers[1]?.process.kill("SIGKILL");
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(false), patience);
  });

  test("[G6] a new owner that accepts connections and answers nothing keeps no other master", {
    timeout: 40_000,
  }, async () => {
    await using cluster = await startRedisCluster();
    const link = await connectRedis({ url: cluster.url });
    await using _link = { [Symbol.asyncDispose]: () => link.close() };
    const hole = createServer(() => {}).listen(0, "127.0.0.1");
    await once(hole, "listening");
    await using _hole = { [Symbol.asyncDispose]: async () => void hole.close() };
    const { port } = hole.address() as AddressInfo;
    await cluster.command(1, "CONFIG", "SET", "cluster-announce-port", String(port));
    const slot = String(hashSlot(`{${channelOf(0)}}`));
    const owner = String(await cluster.command(1, "CLUSTER", "MYID"));
    for (const node of [1, 0]) {
      await cluster.command(node, "CLUSTER", "SETSLOT", slot, "NODE", owner);
    }
    await vi.waitFor(async () => {
      const slots = await cluster.command(2, "CLUSTER", "SLOTS");
      expect(JSON.stringify(slots)).toContain(String(port));
    }, patience);
    const moved = link.remove([`{${channelOf(0)}}`]).catch((error: unknown) => error);
    await link.remove([`{${channelOf(2)}}`]);
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(false), { timeout: 20_000 });
    await link.remove([`{${channelOf(2)}}`]);
    await link.subscribe([`{${channelOf(2)}}`]);
    expect(await moved).toMatchObject({ code: "store_unavailable" });
  });

  test("a subscribe that one master cannot take leaves nothing at the others, which serve their own", async () => {
    await using cluster = await startRedisCluster();
    for (const i of [0, 1, 2]) {
      await cluster.command(i, "CONFIG", "SET", "cluster-require-full-coverage", "no");
    }
    const engine = await openEngine(cluster.url);
    await using _engine = { [Symbol.asyncDispose]: () => engine.close() };
    const heard: string[] = [];
    engine.bus.listen(({ channel }) => heard.push(channel));
    cluster.servers[1]?.process.kill("SIGKILL");
    await vi.waitFor(() => expect(engine.store?.health.connected).toBe(false), patience);
    const [here, away] = [channelOf(0), channelOf(1)];
    const wishes = [engine.bus.subscribe(here, policy), engine.bus.subscribe(away, policy)];
    await expect(wishes[1]).rejects.toMatchObject({ code: "store_unavailable" });
    await wishes[0];
    await engine.log.append(here, { event: "e", json: "1", publisher: "p" }, policy);
    await vi.waitFor(() => expect(heard).toEqual([here]), patience);
    await engine.bus.unsubscribe(here, policy);
    expect(await cluster.command(0, "PUBSUB", "SHARDCHANNELS")).toEqual([]);
  });

  test("one that is closed while it follows a new master leaves no connection behind", {
    timeout: 25_000,
  }, async () => {
    await using cluster = await startRedisCluster({ replica: true });
    const link = await connectRedis({ url: cluster.url });
    await cluster.command(3, "CLUSTER", "FAILOVER");
    await vi.waitFor(async () => {
      expect(String(await cluster.command(0, "ROLE"))).toMatch(/^slave/);
    }, patience);
    const pending = link.remove([`{${channelOf(0)}}`]).catch(() => {});
    // It has been told of the move, and opens the link to the new master.
    await vi.waitFor(async () => expect(await clientsAt(cluster, 3)).toBeGreaterThan(1), patience);
    await link.close();
    await pending;
    await vi.waitFor(async () => expect(await clientsAt(cluster, 3)).toBe(1), patience);
  });

  test("[G3] a call made while the map is read runs after the call that was sent on", {
    timeout: 25_000,
  }, async () => {
    await using cluster = await startRedisCluster();
    await using old = await announceProxy(cluster, 0);
    await using taker = await announceProxy(cluster, 1);
    const link = await connectRedis({ url: cluster.url });
    await using _link = { [Symbol.asyncDispose]: () => link.close() };
    const acquire = (token: string) =>
      link.run(scripts.lease, [`{${channelOf(0)}}`], ["1000", "force", token, "1000", "1000"]);
    await giveSlot(cluster, channelOf(0), 0, 1);
    // The answer MOVED is held, and so is every later call to the old master.
    old.hold("answers");
    const first = acquire("first");
    await vi.waitFor(() => expect(old.held).toContain("MOVED"), patience);
    old.hold("requests");
    const readsMap = taker.nextConnection();
    old.release("answers");
    await readsMap;
    const second = acquire("second");
    await first;
    const third = acquire("third");
    const answers = (await Promise.all([first, second, third])) as [unknown, unknown][];
    expect(answers.map(([, fence]) => Number(fence))).toEqual([1, 2, 3]);
  });

  // A known fault: a call waits only for calls that MOVED has sent on, not for those the old master still owes.
  test.fails("[G3] a call that the old master has not answered runs before a later call of its slot", {
    timeout: 25_000,
  }, async () => {
    await using cluster = await startRedisCluster();
    await using old = await announceProxy(cluster, 0);
    const link = await connectRedis({ url: cluster.url });
    await using _link = { [Symbol.asyncDispose]: () => link.close() };
    const key = `{${channelOf(0)}}`;
    const acquire = (token: string) =>
      link.run(scripts.lease, [key], ["1000", "force", token, "1000", "1000"]);
    await giveSlot(cluster, channelOf(0), 0, 1);
    await giveSlot(cluster, channelOf(2), 2, 1);
    old.hold("requests");
    const first = acquire("first");
    await vi.waitFor(() => expect(old.held).toContain(key), patience);
    // The link reads the map since another slot has moved, too.
    await link.remove([`{${channelOf(2)}}`]);
    const second = acquire("second");
    // What the new owner was sent before has run when it answers this.
    await link.remove([`{${channelOf(1)}}`]);
    old.release("requests");
    const answers = (await Promise.all([first, second])) as [unknown, unknown][];
    expect(answers.map(([, fence]) => Number(fence))).toEqual([1, 2]);
  });

  test("[G4] a subscription whose slot moved while another subscribe was unanswered is renewed at the new owner", {
    timeout: 25_000,
  }, async () => {
    await using cluster = await startRedisCluster();
    await using old = await announceProxy(cluster, 0);
    const link = await connectRedis({ url: cluster.url });
    await using _link = { [Symbol.asyncDispose]: () => link.close() };
    const [busChannel, another] = [`{${channelOf(0)}}`, `{${channelOf(0)}}:another`];
    await link.subscribe([busChannel]);
    old.hold("requests");
    link.subscribe([another]).catch(() => {});
    await vi.waitFor(() => expect(old.held).toContain(another), patience);
    await giveSlot(cluster, channelOf(0), 0, 1);
    old.release("requests");
    await vi.waitFor(async () => {
      const [, count] = (await cluster.command(
        1,
        ...["PUBSUB", "SHARDNUMSUB", busChannel],
      )) as unknown[];
      expect(count).toBe(1);
    }, patience);
  });

  test("a server that is in no cluster is told apart in one line", async () => {
    await using server = await startRedis();
    const url = `redis+cluster://127.0.0.1:${server.port}`;
    await expect(connectRedis({ url })).rejects.toThrow(/^the Redis cluster at .*cluster[^\n]*$/);
  });
});

async function openEngine(url: string) {
  const link = await connectRedis({ url });
  return redisEngine(link)({ clock: new ManualClock(), random: new SeededRandom() });
}

/** Has the cluster name a proxy in place of one server. */
async function announceProxy(cluster: RedisCluster, server: number): Promise<RedisProxy> {
  const proxy = await startProxy(cluster.servers[server]?.port ?? 0);
  await cluster.command(server, "CONFIG", "SET", "cluster-announce-port", String(proxy.port));
  await vi.waitFor(async () => {
    for (const asked of [0, 1, 2]) {
      const slots = await cluster.command(asked, "CLUSTER", "SLOTS");
      expect(JSON.stringify(slots)).toContain(String(proxy.port));
    }
  }, patience);
  return proxy;
}

/** Gives the slot of a channel that holds nothing to another master. */
async function giveSlot(cluster: RedisCluster, channel: string, from: number, to: number) {
  const owner = String(await cluster.command(to, "CLUSTER", "MYID"));
  const slot = String(hashSlot(`{${channel}}`));
  for (const server of [to, from]) {
    await cluster.command(server, "CLUSTER", "SETSLOT", slot, "NODE", owner);
  }
}

/** How many have a connection to a server that is no other node: its own admin among them. */
async function clientsAt(cluster: RedisCluster, server: number): Promise<number> {
  const clients = String(await cluster.command(server, "CLIENT", "LIST", "TYPE", "normal"));
  const subscribers = String(await cluster.command(server, "CLIENT", "LIST", "TYPE", "pubsub"));
  return [...clients.trim().split("\n"), ...subscribers.trim().split("\n")].filter(Boolean).length;
}

/** A channel whose slot begins at that master. */
function channelOf(master: number): string {
  for (let i = 0; ; i++) if (ownerOf(hashSlot(`{job:${i}}`)) === master) return `job:${i}`;
}

/** Which of the three masters a slot begins at. */
function ownerOf(slot: number): number {
  return [0, 1, 2].findIndex((i) => slot < Math.floor(((i + 1) * 16_384) / 3));
}
