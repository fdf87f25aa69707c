import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, test as anyTest, beforeAll, describe, expect, vi } from "vitest";
import { hashSlot } from "./hash-slot.ts";
import { connectRedis, type RedisLink } from "./index.ts";
import {
  Calls,
  failOver,
  idOf,
  isReplica,
  keyAt,
  maxQueued,
  moveSlot,
  openLibrary,
  ownerOf,
  patience,
  portOf,
  socketTimeoutMs,
  subscribersAt,
  through,
} from "./testing/create-cluster-fixture.ts";
import { startProxy } from "./testing/proxy.ts";
import { type RedisCluster, startRedisCluster } from "./testing/redis-cluster.ts";

/*
 * Tests behind ADR 29: they show how `createCluster` of @redis/client 6.3 behaves where the ADR has
 * requirements. A test whose title names a fault of the library fails once an update fixes the fault. Then
 * review the ADR.
 */

const isSkipped = process.env.MILEPOST_REDIS_SERVER === undefined;
const test = anyTest.skipIf(isSkipped);

type Library = Awaited<ReturnType<typeof openLibrary>>;

/**
 * Cluster of three masters and a replica of the first, shared by all tests. Each test moves only slots that no
 * other test uses. The last failovers are not undone, so the order of the tests matters.
 */
let redis: RedisCluster;

beforeAll(async () => {
  if (!isSkipped) redis = await startRedisCluster({ replica: true });
}, 30_000);

afterAll(() => redis?.[Symbol.asyncDispose]());

test("createCluster of @redis/client 6.3 sends a script to the master of its keys, and loads it where it is missing", async () => {
  await using cluster = await openLibrary(redis);
  for (const server of [0, 1, 2]) {
    const key = await keyAt(redis, server);
    expect(await cluster.pushBoth(key, `${key}:b`, "x")).toBe(1);
    expect(await redis.command(server, "LRANGE", key, "0", "-1")).toEqual(["x"]);
  }
});

test("createCluster of @redis/client 6.3 does not repeat a command whose answer was lost with the connection", async () => {
  await using proxy = await startProxy(portOf(redis, 0));
  await using cluster = await openLibrary(redis, through(redis, 0, proxy.port));
  const key = await keyAt(redis, 0);
  proxy.hold("answers");
  const lost = expect(cluster.incr(key)).rejects.toThrow("closed unexpectedly");
  await vi.waitFor(async () => expect(await redis.command(0, "GET", key)).toBe("1"), patience);
  proxy.drop();
  await lost;
  await vi.waitFor(async () => expect(await cluster.incr(key)).toBe(2), patience);
});

test("createCluster of @redis/client 6.3 keeps the order of its offline queue, and rejects commands while the queue is full", async () => {
  await using proxy = await startProxy(portOf(redis, 0));
  const options = { disableOfflineQueue: false };
  await using cluster = await openLibrary(redis, through(redis, 0, proxy.port), options);
  const key = await keyAt(redis, 0);
  await cluster.rPush(key, "first");
  proxy.drop();
  await vi.waitFor(() => expect(cluster.faults.length).toBeGreaterThan(0), patience);
  const calls = Array.from({ length: maxQueued + 1 }, (_, n) => cluster.rPush(key, String(n)));
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.at(-1)).toMatchObject({ reason: new Error("The queue is full") });
  const stored = outcomes.flatMap(({ status }, n) => (status === "fulfilled" ? [String(n)] : []));
  expect(stored.length).toBeGreaterThan(maxQueued / 2);
  expect(await redis.command(0, "LRANGE", key, "0", "-1")).toEqual(["first", ...stored]);
});

test("createCluster of @redis/client 6.3 follows ASK, and rejects a script with keys on both sides of a migration", async () => {
  await using cluster = await openLibrary(redis);
  const key = await keyAt(redis, 0);
  const slot = String(hashSlot(key));
  await cluster.rPush(key, "x");
  await redis.command(1, "CLUSTER", "SETSLOT", slot, "IMPORTING", await idOf(redis, 0));
  await redis.command(0, "CLUSTER", "SETSLOT", slot, "MIGRATING", await idOf(redis, 1));
  await expect(cluster.pushBoth(key, `${key}:new`, "y")).rejects.toThrow(/^TRYAGAIN/);
  expect(await cluster.rPush(`${key}:other`, "y")).toBe(1);
  await redis.command(0, "MIGRATE", "127.0.0.1", String(portOf(redis, 1)), key, "0", "5000");
  await moveSlot(redis, key, 0, 1);
  expect(await cluster.pushBoth(key, `${key}:other`, "z")).toBe(2);
});

test("createCluster of @redis/client 6.3 reorders two commands of one slot when the second is sent after the map was read", async () => {
  await using proxy = await startProxy(portOf(redis, 0));
  await using cluster = await openLibrary(redis, through(redis, 0, proxy.port));
  const key = await keyAt(redis, 0);
  await moveSlot(redis, key, 0, 1);
  // The proxy holds back the MOVED reply. Later it also holds back every command to the old master.
  proxy.hold("answers");
  const first = cluster.rPush(key, "first");
  await vi.waitFor(() => expect(proxy.held).toContain("MOVED"), patience);
  proxy.hold("requests");
  const readsMap = proxy.nextConnection();
  proxy.release("answers");
  await readsMap;
  const second = cluster.rPush(key, "second");
  await first;
  const third = cluster.rPush(key, "third");
  await third;
  proxy.release("requests");
  await second;
  expect(await cluster.lRange(key, 0, -1)).toEqual(["first", "third", "second"]);
});

test("createCluster of @redis/client 6.3 never reads the map again for MOVED when maxCommandRedirections is 0", async () => {
  await using cluster = await openLibrary(redis, { maxCommandRedirections: 0 });
  const key = await keyAt(redis, 0);
  await moveSlot(redis, key, 0, 1);
  for (let n = 0; n < 2; n++) {
    await expect(cluster.incr(key)).rejects.toThrow("Too many Cluster redirections");
  }
});

test("createCluster of @redis/client 6.3 subscribes again at a moved slot's new owner if its connections to the old one are idle", async () => {
  const isIdle = { pingInterval: 0, socket: { socketTimeout: 0 } };
  await using cluster = await openLibrary(redis, {}, isIdle);
  const channel = await keyAt(redis, 0);
  const heard: string[] = [];
  await cluster.sSubscribe(channel, (message) => heard.push(message));
  await moveSlot(redis, channel, 0, 1);
  await vi.waitFor(async () => expect(await subscribersAt(redis, 1, channel)).toBe(1), patience);
  await redis.command(1, "SPUBLISH", channel, "x");
  await vi.waitFor(() => expect(heard).toEqual(["x"]), patience);
});

test("createCluster of @redis/client 6.3 loses a subscription silently when its slot moves while a ping is unanswered", async () => {
  await using proxy = await startProxy(portOf(redis, 0));
  await using cluster = await openLibrary(redis, through(redis, 0, proxy.port));
  const [channel, another] = [await keyAt(redis, 0), await keyAt(redis, 0)];
  await cluster.sSubscribe(channel, () => {});
  proxy.hold("requests");
  // Both connections of the library to the old master have sent their PING.
  await vi.waitFor(() => expect(proxy.held.match(/PING/g)).toHaveLength(2), patience);
  await moveSlot(redis, channel, 0, 1);
  proxy.release("requests");
  // These calls show that the connection works, and that the redirected command made the library read the map.
  await cluster.sSubscribe(another, () => {});
  await cluster.incr(`${channel}:count`);
  expect(await redis.command(1, "SPUBLISH", channel, "x")).toBe(0);
  expect(await subscribersAt(redis, 0, channel)).toBe(0);
  expect(cluster.faults).toEqual([]);
});

test("createCluster of @redis/client 6.3 never replaces a node's client that gave up reconnecting or was destroyed", async () => {
  const proxy = await startProxy(portOf(redis, 2));
  await using cluster = await openLibrary(redis, through(redis, 2, proxy.port), {
    socket: { reconnectStrategy: (retries: number) => (retries > 1 ? new Error("gave up") : 10) },
  });
  const [lost, destroyed] = [await keyAt(redis, 2), await keyAt(redis, 1)];
  proxy.cut();
  await vi.waitFor(
    async () => await expect(cluster.incr(lost)).rejects.toThrow("The client is closed"),
    patience,
  );
  await using _again = await startProxy(portOf(redis, 2), proxy.port);
  await expect(cluster.incr(lost)).rejects.toThrow("The client is closed");
  (await cluster.getNodeClientForKey(destroyed)).destroy();
  await expect(cluster.incr(destroyed)).rejects.toThrow("The client is closed");
  expect(cluster.isReady).toBe(true);
});

test("createCluster of @redis/client 6.3 answers commands of healthy masters while one master hangs", async () => {
  await using cluster = await openLibrary(redis);
  const [here, there] = [await keyAt(redis, 1), await keyAt(redis, 2)];
  await using _hang = await hang(0);
  expect(await Promise.all([cluster.incr(here), cluster.incr(there)])).toEqual([1, 1]);
});

test("createCluster of @redis/client 6.3 keeps a sent command pending past its timeout and its abort signal", async () => {
  await using cluster = await openLibrary(redis);
  const [key, healthy] = [await keyAt(redis, 0), await keyAt(redis, 1)];
  let isSettled = false;
  let late: Promise<unknown>;
  {
    await using _hang = await hang(0);
    const abortSignal = AbortSignal.timeout(100);
    const options = { timeout: 100, abortSignal };
    late = cluster.sendCommand(key, false, ["INCR", key], options).finally(() => {
      isSettled = true;
    });
    await once(abortSignal, "abort");
    await cluster.incr(healthy);
    expect(isSettled).toBe(false);
  }
  expect(await late).toBe(1);
});

describe("failover to a master that hangs", () => {
  let hole: Server;
  let accepted = 0;
  const giveUp = { socket: { reconnectStrategy: () => new Error("gave up") } };
  let eager: Library;
  let minimal: Library;
  let givingUp: Library;
  let lost: string;

  beforeAll(async () => {
    if (isSkipped) return;
    hole = createServer((socket) => {
      accepted++;
      socket.on("error", () => {});
    }).listen(0, "127.0.0.1");
    await once(hole, "listening");
    const intoHole = through(redis, 3, (hole.address() as AddressInfo).port);
    eager = await openLibrary(redis, intoHole);
    minimal = await openLibrary(redis, { ...intoHole, minimizeConnections: true });
    givingUp = await openLibrary(redis, { ...intoHole, minimizeConnections: true }, giveUp);
    lost = await keyAt(redis, 0);
    await failOver(redis, 0, 3);
  }, 20_000);

  afterAll(async () => {
    if (isSkipped) return;
    for (const cluster of [eager, minimal, givingUp]) cluster?.destroy();
    hole?.close();
    await failOver(redis, 3, 0);
  }, 20_000);

  test("createCluster of @redis/client 6.3 keeps every redirected command pending while a new master hangs", async () => {
    const before = accepted;
    eager.incr(lost).catch(() => {});
    await vi.waitFor(() => expect(accepted).toBe(before + 1), patience);
    const [healthy, moved] = [await keyAt(redis, 2), await keyAt(redis, 1)];
    await moveSlot(redis, moved, 1, 2);
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    eager.incr(moved).then(settled, settled);
    // The library keeps reconnecting to the new master, and each attempt lasts for the socket timeout.
    await vi.waitFor(() => expect(accepted).toBe(before + 3), patience);
    expect(await eager.incr(healthy)).toBe(1);
    expect(isSettled).toBe(false);
  });

  test("createCluster of @redis/client 6.3 with minimizeConnections follows moves of other slots while a new master hangs", async () => {
    minimal.incr(lost).catch(() => {});
    const moved = await keyAt(redis, 1);
    await minimal.get(moved);
    await moveSlot(redis, moved, 1, 2);
    expect(await minimal.incr(moved)).toBe(1);
  });

  test("createCluster of @redis/client 6.3 keeps commands for a hanging new master pending without a limit of time or number", async () => {
    const before = accepted;
    const outcomes: unknown[] = [];
    for (let n = 0; n <= maxQueued; n++) {
      const call = minimal.sendCommand(lost, false, ["INCR", lost], {
        timeout: 100,
        abortSignal: AbortSignal.timeout(100),
      });
      call.then(
        (answer) => outcomes.push(answer),
        (error) => outcomes.push(error),
      );
    }
    await vi.waitFor(() => expect(accepted).toBeGreaterThan(before + 1), patience);
    expect(outcomes).toEqual([]);
  });

  test("createCluster of @redis/client 6.3 rejects commands for a hanging new master when its reconnect strategy gives up", async () => {
    await expect(givingUp.incr(lost)).rejects.toThrow();
  });
});

describe("failover from a master that hangs, while calls keep coming", () => {
  let bare: Library;
  let subscribed: Library;
  let link: RedisLink;
  let allowed: string;
  let refused: string;
  let key: string;
  const heard: string[] = [];
  const unhandled: string[] = [];
  const ofBare = new Calls(() => bare.incr(`${key}:bare`));
  const ofSubscribed = new Calls(() => subscribed.incr(`${key}:subscribed`));
  const ofLink = new Calls(() => link.remove([`${key}:link`]));
  const listeners = process.listeners("unhandledRejection");
  let traffic: NodeJS.Timeout;

  beforeAll(async () => {
    if (isSkipped) return;
    [bare, subscribed] = [await openLibrary(redis), await openLibrary(redis)];
    link = await connectRedis({ url: redis.adminUrl });
    [key, allowed, refused] = [await keyAt(redis, 0), await keyAt(redis, 0), await keyAt(redis, 0)];
    for (const channel of [allowed, refused]) {
      await subscribed.sSubscribe(channel, (message) => heard.push(message));
    }
    const channels = ["resetchannels", `&${allowed}`, "&milepost:*"];
    await redis.command(3, "ACL", "SETUSER", "default", ...channels);
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => unhandled.push(String(reason)));
    redis.servers[0]?.process.kill("SIGSTOP");
    traffic = setInterval(() => {
      for (const calls of [ofBare, ofSubscribed, ofLink]) calls.call();
    }, 100);
    await vi.waitFor(
      async () => expect(await ownerOf(redis, key, 1)).toBe(portOf(redis, 3)),
      patience,
    );
  }, 20_000);

  afterAll(async () => {
    if (isSkipped) return;
    clearInterval(traffic);
    redis.servers[0]?.process.kill("SIGCONT");
    await redis.command(3, "ACL", "SETUSER", "default", "allchannels");
    for (const cluster of [bare, subscribed]) cluster?.destroy();
    await link?.close();
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }, 20_000);

  test("createCluster of @redis/client 6.3 follows the failover of a hanging master under load if it has a subscription at that master", async () => {
    await vi.waitFor(() => expect(ofSubscribed.stored).toBeGreaterThan(0), patience);
    await vi.waitFor(async () => expect(await subscribersAt(redis, 3, allowed)).toBe(1), patience);
    await redis.command(3, "SPUBLISH", allowed, "x");
    await vi.waitFor(() => expect(heard).toEqual(["x"]), patience);
  }, 15_000);

  test("createCluster of @redis/client 6.3 drops a subscription that the new master refuses, as an unhandled rejection", async () => {
    await vi.waitFor(
      () => expect(unhandled).toEqual([expect.stringContaining("NOPERM")]),
      patience,
    );
    expect(await subscribersAt(redis, 3, refused)).toBe(0);
  });

  test("the cluster link rejects calls to a hanging master under load, and follows the failover to its replica", async () => {
    await vi.waitFor(() => expect(ofLink.stored).toBeGreaterThan(0), patience);
    expect(ofLink.errors[0]).toMatchObject({ code: "store_unavailable" });
  }, 15_000);

  test("createCluster of @redis/client 6.3 keeps all calls to a hanging master pending under load if it has no subscription there", async () => {
    const enough = ofBare.made + (2 * socketTimeoutMs) / 100;
    await vi.waitFor(() => expect(ofBare.made).toBeGreaterThan(enough), patience);
    expect([ofBare.stored, ofBare.errors, bare.faults]).toEqual([0, [], []]);
    clearInterval(traffic);
    // The socket timeout only passes while no command is sent. Then the library finds the new master.
    await vi.waitFor(() => expect(ofBare.errors.length).toBe(ofBare.made), patience);
    await vi.waitFor(async () => expect(await bare.incr(key)).toBe(1), patience);
  }, 25_000);
});

test("createCluster of @redis/client 6.3 follows a failover from a killed master, but isReady stays true meanwhile", {
  timeout: 20_000,
}, async () => {
  await isReplica(redis, 0);
  await using cluster = await openLibrary(redis);
  const [key, channel] = [await keyAt(redis, 3), await keyAt(redis, 3)];
  const heard: string[] = [];
  await cluster.sSubscribe(channel, (message) => heard.push(message));
  redis.servers[3]?.process.kill("SIGKILL");
  // Both of the library's connections to the killed master have reported an error.
  await vi.waitFor(() => expect(cluster.faults.length).toBeGreaterThan(1), patience);
  await expect(cluster.incr(key)).rejects.toThrow("The client is offline");
  expect(cluster.isReady).toBe(true);
  await vi.waitFor(async () => expect(await cluster.incr(key)).toBe(1), patience);
  await vi.waitFor(async () => expect(await subscribersAt(redis, 0, channel)).toBe(1), patience);
  await redis.command(0, "SPUBLISH", channel, "x");
  await vi.waitFor(() => expect(heard).toEqual(["x"]), patience);
});

/**
 * Makes a server hang until the returned object is disposed. The server keeps its connections and accepts new
 * ones, but answers nothing.
 */
async function hang(server: number): Promise<AsyncDisposable> {
  redis.servers[server]?.process.kill("SIGSTOP");
  return {
    async [Symbol.asyncDispose]() {
      redis.servers[server]?.process.kill("SIGCONT");
      await redis.command(server, "PING");
    },
  };
}
