import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { afterAll, test as anyTest, beforeAll, describe, expect, vi } from "vitest";
import { ClusterLink } from "./cluster-link.ts";
import { hashSlot } from "./hash-slot.ts";
import { connectRedis, type RedisLink, redisEngine } from "./index.ts";
import { defaultDeadlines, type LinkDeadlines } from "./link-deadlines.ts";
import { parseRedisAddress } from "./redis-address.ts";
import { scripts } from "./script.ts";
import { type Proxy as RedisProxy, startProxy } from "./testing/proxy.ts";
import { type RedisCluster, startRedisCluster } from "./testing/redis-cluster.ts";
import { startRedis } from "./testing/redis-server.ts";

const isSkipped = process.env.MILEPOST_REDIS_SERVER === undefined;
const test = anyTest.skipIf(isSkipped);
const patience = { timeout: 10_000, interval: 20 };
const policy = { maxEntries: 1_000, maxAgeMs: 60_000, dedupeMs: 60_000 };

/** Cluster of three masters that most tests share. Each test moves only the slots of its own channels. */
let cluster: RedisCluster;
/**
 * Proxies in front of the masters, by server index. Each master announces its proxy's port instead of its own.
 */
const proxies: RedisProxy[] = [];
let channels = 0;

beforeAll(async () => {
  if (isSkipped) return;
  cluster = await startRedisCluster();
  for (const { port } of cluster.servers) proxies.push(await startProxy(port));
  await Promise.all(proxies.map(({ port }, server) => announce(cluster, server, port)));
}, 30_000);

afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  await cluster?.[Symbol.asyncDispose]();
});

test.each([
  ["foo", 12_182],
  ["{foo}.bar", 12_182],
  ["123456789", 12_739],
  ["{}x", hashSlot("{}x")],
])("hashSlot computes the same slot for %s as Redis", async (key, slot) => {
  expect(hashSlot(key)).toBe(slot);
});

describe("the link to a Redis cluster", { timeout: 25_000 }, () => {
  test("[G1] [G3] [G4] while a slot moves, each entry is stored once and in order, and the subscriber follows the slot", async () => {
    const engine = await openEngine(cluster.url);
    const subscriber = await openEngine(cluster.url);
    const channel = channelOf(0);
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
    await subscriber.bus.subscribe(channel, policy);
    const offsets: number[] = [];
    let hasMoved = false;
    const publish = async (n: number) => {
      for (;;) {
        try {
          const entry = { event: "e", json: String(n), publisher: "p", key: `key-${n}` };
          const { publication } = await engine.log.append(channel, entry, policy);
          offsets.push(publication.position.offset);
          return;
        } catch (error) {
          // Redis refuses some calls of a moving slot without running them, so they can be repeated.
          if (!(error instanceof MilepostError) || !error.retryable) throw error;
        }
      }
    };
    const publishing = (async () => {
      for (let n = 1; n <= 50 || !hasMoved; n++) await publish(n);
    })();
    await vi.waitFor(() => expect(offsets.length).toBeGreaterThan(10), patience);
    await startMove(channel, 0, 1);
    await moveKeys(channel, 0, 1);
    await endMove(channel, 0, 1);
    hasMoved = true;
    await publishing;
    expect(offsets).toEqual(offsets.map((_, i) => i + 1));
    await vi.waitFor(() => expect(disruptions).toBeGreaterThan(0), patience);
    await publish(offsets.length + 1);
    await vi.waitFor(() => expect(heard.at(-1)).toBe(offsets.at(-1)), patience);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
    const { entries } = await engine.log.read(channel, 0, 10_000, policy);
    expect(entries.map(({ json }) => Number(json))).toEqual(offsets);
  });

  test("[G6] a new slot owner that accepts connections but never answers does not block the other masters", async () => {
    await using _announced = {
      [Symbol.asyncDispose]: () => announce(cluster, 1, proxies[1]?.port ?? 0),
    };
    await using link = await openLink({ openMs: 1_000 });
    const [moving, staying] = [channelOf(0), channelOf(2)];
    const hole = createServer(() => {}).listen(0, "127.0.0.1");
    await once(hole, "listening");
    await using _hole = { [Symbol.asyncDispose]: async () => void hole.close() };
    const { port } = hole.address() as AddressInfo;
    await announce(cluster, 1, port);
    await giveSlot(moving, 0, 1);
    const moved = link.remove([`{${moving}}`]).catch((error: unknown) => error);
    await link.remove([`{${staying}}`]);
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(false), patience);
    await link.remove([`{${staying}}`]);
    await link.subscribe([`{${staying}}`]);
    expect(await moved).toMatchObject({ code: "store_unavailable" });
  });

  test("[G3] a call made while the link reads the cluster map runs after an earlier call that was redirected", async () => {
    await using link = await openLink();
    const channel = channelOf(0);
    const [old, taker] = proxies as [RedisProxy, RedisProxy, RedisProxy];
    await giveSlot(channel, 0, 1);
    // The proxy holds back the MOVED reply. Later it also holds back every call to the old master.
    old.hold("answers");
    const first = acquire(link, channel);
    await vi.waitFor(() => expect(old.held).toContain("MOVED"), patience);
    old.hold("requests");
    const readsMap = taker.nextConnection();
    old.release("answers");
    await readsMap;
    const second = acquire(link, channel);
    await first;
    const third = acquire(link, channel);
    expect(await Promise.all([first, second, third])).toEqual([1, 2, 3]);
  });

  test("[G3] a call that the old master has not answered runs before a later call of its slot", async () => {
    await using link = await openLink();
    const channel = channelOf(0);
    const first = await owed(link, channel);
    await giveSlot(channel, 0, 1);
    await readMap(link);
    const second = acquire(link, channel);
    await answersEarlierCalls(link, 1);
    proxies[0]?.release("requests");
    expect(await Promise.all([first.answer, second])).toEqual([1, 2]);
  });

  test("[G3] calls that wait through two moves in a row run in order at the last owner", async () => {
    await using link = await openLink();
    const channel = channelOf(0);
    const first = await owed(link, channel);
    await giveSlot(channel, 0, 1);
    await readMap(link);
    const second = acquire(link, channel);
    await giveSlot(channel, 1, 2);
    await readMap(link);
    const third = acquire(link, channel);
    for (const server of [1, 2]) await answersEarlierCalls(link, server);
    proxies[0]?.release("requests");
    expect(await Promise.all([first.answer, second, third])).toEqual([1, 2, 3]);
  });

  test("[G3] calls that Redis answers with ASK do not run, and calls that two masters redirect in turn run in order", async () => {
    await using link = await openLink();
    const channel = channelOf(0);
    await startMove(channel, 0, 1);
    for (const refused of [acquire(link, channel), acquire(link, channel)]) {
      await expect(refused).rejects.toMatchObject({ code: "store_unavailable" });
    }
    await endMove(channel, 0, 1);
    const taker = proxies[1] as RedisProxy;
    taker.hold("requests");
    const first = [acquire(link, channel), acquire(link, channel)];
    // The old master has redirected both calls, and the proxy of the new master holds them back.
    await vi.waitFor(() => expect(taker.held).toContain(channel), patience);
    const third = acquire(link, channel);
    await giveSlot(channel, 1, 2);
    taker.release("requests");
    expect(await Promise.all([...first, third])).toEqual([1, 2, 3]);
  });

  test("[G3] [G6] a call waits until the deadline of an old master that hangs, then runs at the slot's new owner", async () => {
    await using link = await openLink({ canaryIntervalMs: 50, canaryMs: 1_000 });
    const channel = channelOf(0);
    const first = await owed(link, channel);
    await giveSlot(channel, 0, 1);
    await readMap(link);
    const ended: string[] = [];
    void first.answer.catch(() => ended.push("first"));
    const second = acquire(link, channel).finally(() => ended.push("second"));
    expect(await second).toBe(1);
    await expect(first.answer).rejects.toMatchObject({ code: "store_unavailable" });
    expect(ended).toEqual(["first", "second"]);
  });

  test("[G3] [G6] a call waits until the connection to the old master breaks, then runs at the slot's new owner", async () => {
    await using link = await openLink();
    const channel = channelOf(0);
    const first = await owed(link, channel);
    await giveSlot(channel, 0, 1);
    await readMap(link);
    const ended: string[] = [];
    const second = acquire(link, channel).finally(() => ended.push("second"));
    await answersEarlierCalls(link, 1);
    expect(ended).toEqual([]);
    proxies[0]?.drop();
    await expect(first.answer).rejects.toMatchObject({ code: "store_unavailable" });
    expect(await second).toBe(1);
  });

  test("[G3] no call overtakes an earlier one of its channel while slots move forty times", async () => {
    await using link = await openLink();
    const moving = [0, 0, 1, 1, 2, 2].map((owner) => ({ channel: channelOf(owner), owner }));
    const calls = new Map(moving.map(({ channel }) => [channel, [] as Promise<number>[]]));
    const burst = () => {
      for (const [channel, made] of calls) {
        // While a slot is moving Redis refuses some calls without running them.
        for (let i = 0; i < 10; i++) made.push(acquire(link, channel).catch(() => 0));
      }
    };
    for (let moves = 0; moves < 40; moves++) {
      const slot = moving[moves % moving.length] as (typeof moving)[number];
      const from = slot.owner;
      const old = proxies[from] as RedisProxy;
      slot.owner = (from + 1 + (moves % 2)) % 3;
      burst();
      await startMove(slot.channel, from, slot.owner);
      burst();
      await moveKeys(slot.channel, from, slot.owner);
      old.hold("requests");
      burst();
      await endMove(slot.channel, from, slot.owner);
      burst();
      await readMap(link, from);
      burst();
      old.release("requests");
    }
    let answered = 0;
    let overtaken = 0;
    for (const made of calls.values()) {
      const fences = (await Promise.all(made)).filter((fence) => fence > 0);
      answered += fences.length;
      overtaken += fences.filter((fence, i) => fence <= (fences[i - 1] ?? 0)).length;
    }
    expect(answered).toBeGreaterThan(6_000);
    expect(overtaken).toBe(0);
  }, 60_000);

  test("[G4] a subscription whose slot moved while another subscribe was unanswered is renewed at the new owner", async () => {
    await using link = await openLink();
    const old = proxies[0] as RedisProxy;
    const channel = channelOf(0);
    const [busChannel, another] = [`{${channel}}`, `{${channel}}:another`];
    await link.subscribe([busChannel]);
    old.hold("requests");
    link.subscribe([another]).catch(() => {});
    await vi.waitFor(() => expect(old.held).toContain(another), patience);
    await giveSlot(channel, 0, 1);
    old.release("requests");
    await vi.waitFor(async () => {
      const [, count] = (await cluster.command(
        1,
        ...["PUBSUB", "SHARDNUMSUB", busChannel],
      )) as unknown[];
      expect(count).toBe(1);
    }, patience);
  });

  test("[G1] [G4] when a master is killed, the link follows the replica that takes over", async () => {
    await using own = await startRedisCluster({ replica: true });
    const link = await connectRedis({ url: own.adminUrl });
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
    await own.command(0, "WAIT", "1", "5000");
    own.servers[0]?.process.kill("SIGKILL");
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(false), patience);
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(true), patience);
    await vi.waitFor(() => expect(disruptions).toBeGreaterThan(0), patience);
    expect(await append(1)).toBe(1);
    expect(await append(2)).toBe(2);
    await vi.waitFor(() => expect(heard.at(-1)).toBe(2), patience);
  });

  test("[G6] the cluster link reports the store as lost when one of its masters is down", async () => {
    await using own = await startRedisCluster();
    const link = await connectRedis({ url: own.adminUrl });
    await using _link = { [Symbol.asyncDispose]: () => link.close() };
    expect(link.watch.health).toEqual({ connected: true, busConnected: true, takesWrites: true });
    own.servers[1]?.process.kill("SIGKILL");
    await vi.waitFor(() => expect(link.watch.health.connected).toBe(false), patience);
  });

  test("while a subscribe at a lost master fails, one at another master succeeds, and its unsubscribe removes the subscription", async () => {
    await using own = await startRedisCluster();
    for (const i of [0, 1, 2]) {
      await own.command(i, "CONFIG", "SET", "cluster-require-full-coverage", "no");
    }
    const engine = await openEngine(own.url);
    await using _engine = { [Symbol.asyncDispose]: () => engine.close() };
    const heard: string[] = [];
    engine.bus.listen(({ channel }) => heard.push(channel));
    own.servers[1]?.process.kill("SIGKILL");
    await vi.waitFor(() => expect(engine.store?.health.connected).toBe(false), patience);
    const [here, away] = [channelOf(0), channelOf(1)];
    const wishes = [engine.bus.subscribe(here, policy), engine.bus.subscribe(away, policy)];
    await expect(wishes[1]).rejects.toMatchObject({ code: "store_unavailable" });
    await wishes[0];
    await engine.log.append(here, { event: "e", json: "1", publisher: "p" }, policy);
    await vi.waitFor(() => expect(heard).toEqual([here]), patience);
    await engine.bus.unsubscribe(here, policy);
    expect(await own.command(0, "PUBSUB", "SHARDCHANNELS")).toEqual([]);
  });

  test("a cluster link closed while it follows a new master leaves no connection open", async () => {
    await using own = await startRedisCluster({ replica: true });
    const link = await connectRedis({ url: own.adminUrl });
    await own.command(3, "CLUSTER", "FAILOVER");
    await vi.waitFor(async () => {
      expect(String(await own.command(0, "ROLE"))).toMatch(/^slave/);
    }, patience);
    const pending = link.remove([`{${channelOf(0)}}`]).catch(() => {});
    // A second client connection at the replica means that the link has learned of the failover and is
    // connecting to the new master.
    await vi.waitFor(async () => expect(await clientsAt(own, 3)).toBeGreaterThan(1), patience);
    await link.close();
    await pending;
    await vi.waitFor(async () => expect(await clientsAt(own, 3)).toBe(1), patience);
  });

  test("connectRedis with redis+cluster rejects a server that is in no cluster, with a one-line error", async () => {
    await using server = await startRedis();
    const url = `redis+cluster://127.0.0.1:${server.port}`;
    await expect(connectRedis({ url })).rejects.toThrow(/^the Redis cluster at .*cluster[^\n]*$/);
  });
});

async function openEngine(url: string) {
  const link = await connectRedis({ url });
  return redisEngine(link)({ clock: new ManualClock(), random: new SeededRandom() });
}

/** Opens a link to the shared cluster. */
async function openLink(deadlines: Partial<LinkDeadlines> = {}) {
  const link = await ClusterLink.open(parseRedisAddress(cluster.adminUrl), () => {}, {
    ...defaultDeadlines,
    ...deadlines,
  });
  return Object.assign(link, { [Symbol.asyncDispose]: () => link.close() });
}

/** Makes a call for a channel. Resolves with the number of such calls run so far, this one included. */
async function acquire(link: RedisLink, channel: string): Promise<number> {
  const args = ["1000", "force", "token", "60000", "60000", ""];
  const [, fence] = (await link.run(scripts.lease, [`{${channel}}`], args)) as unknown[];
  return Number(fence);
}

/**
 * Makes a call that the first master has not received: its proxy holds back the call and all later requests.
 */
async function owed(link: RedisLink, channel: string): Promise<{ answer: Promise<number> }> {
  const old = proxies[0] as RedisProxy;
  old.hold("requests");
  const answer = acquire(link, channel);
  // A test may await the answer late, and an unhandled rejection would fail the test run.
  answer.catch(() => {});
  await vi.waitFor(() => expect(old.held).toContain(channel), patience);
  return { answer };
}

/**
 * Makes the link read the cluster map: moves a slot that no other test uses, then makes a call for that slot.
 * The slot moves between the two servers other than `besides`.
 */
async function readMap(link: RedisLink, besides = 0): Promise<void> {
  const [to = 0, from = 0] = [0, 1, 2].filter((server) => server !== besides);
  const other = channelOf(from);
  await giveSlot(other, from, to);
  await link.remove([`{${other}}`]);
}

/** Resolves once a master has run all calls that the link sent to it earlier. */
async function answersEarlierCalls(link: RedisLink, server: number): Promise<void> {
  await link.remove([`{${channelOf(server)}}`]);
}

/** Makes a server announce another port instead of its own. Resolves once all servers report that port. */
async function announce(of: RedisCluster, server: number, port: number): Promise<void> {
  await of.command(server, "CONFIG", "SET", "cluster-announce-port", String(port));
  await vi.waitFor(async () => {
    for (const asked of [0, 1, 2]) {
      const slots = await of.command(asked, "CLUSTER", "SLOTS");
      expect(JSON.stringify(slots)).toContain(String(port));
    }
  }, patience);
}

/** Moves a channel's keys to the master that its slot is moving to. */
async function moveKeys(channel: string, from: number, to: number): Promise<void> {
  const slot = slotOf(channel);
  const target = String(cluster.servers[to]?.port);
  for (;;) {
    const keys = await cluster.command(from, "CLUSTER", "GETKEYSINSLOT", slot, "1000");
    if ((keys as string[]).length === 0) break;
    const move = ["MIGRATE", "127.0.0.1", target, "", "0", "5000", "KEYS", ...(keys as string[])];
    await cluster.command(from, ...move);
  }
}

/** Moves the slot of a channel without keys to another master. */
async function giveSlot(channel: string, from: number, to: number): Promise<void> {
  await startMove(channel, from, to);
  await endMove(channel, from, to);
}

async function startMove(channel: string, from: number, to: number): Promise<void> {
  const slot = slotOf(channel);
  await cluster.command(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", await idOf(from));
  await cluster.command(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", await idOf(to));
}

/**
 * Ends the move of a slot. Resolves once all servers know the new owner, because a server that does not know it
 * might undo the next move.
 */
async function endMove(channel: string, from: number, to: number): Promise<void> {
  const owner = await idOf(to);
  for (const server of [to, from]) {
    await cluster.command(server, "CLUSTER", "SETSLOT", slotOf(channel), "NODE", owner);
  }
  let looks = 0;
  await vi.waitFor(async () => {
    // Where two masters have the same epoch, a third one does not believe the new owner until that has a higher one.
    if (++looks % 10 === 0) await cluster.command(to, "CLUSTER", "BUMPEPOCH");
    for (const asked of [0, 1, 2]) expect(await ownerAt(asked, channel)).toBe(owner);
  }, patience);
}

/** Returns the id of the master that owns a channel's slot, according to the server `asked`. */
async function ownerAt(asked: number, channel: string): Promise<string> {
  const slot = hashSlot(`{${channel}}`);
  const ranges = await cluster.command(asked, "CLUSTER", "SLOTS");
  for (const [first, last, [, , id]] of ranges as [number, number, string[]][]) {
    if (first <= slot && slot <= last) return String(id);
  }
  return "";
}

async function idOf(server: number): Promise<string> {
  return String(await cluster.command(server, "CLUSTER", "MYID"));
}

function slotOf(channel: string): string {
  return String(hashSlot(`{${channel}}`));
}

/** Returns the number of client connections to a server, including the test's own admin client. */
async function clientsAt(cluster: RedisCluster, server: number): Promise<number> {
  const clients = String(await cluster.command(server, "CLIENT", "LIST", "TYPE", "normal"));
  const subscribers = String(await cluster.command(server, "CLIENT", "LIST", "TYPE", "pubsub"));
  return [...clients.trim().split("\n"), ...subscribers.trim().split("\n")].filter(Boolean).length;
}

/** Returns the name of a new channel whose slot the given master serves at first. */
function channelOf(master: number): string {
  for (;;) {
    const channel = `job:${++channels}`;
    if (ownerOf(hashSlot(`{${channel}}`)) === master) return channel;
  }
}

/** Returns the index (0–2) of the master that serves a slot when the cluster starts. */
function ownerOf(slot: number): number {
  return [0, 1, 2].findIndex((i) => slot < Math.floor(((i + 1) * 16_384) / 3));
}
