import { once } from "node:events";
import { createClient } from "@redis/client";
import { test as anyTest, expect, vi } from "vitest";
import { connectRedis, type RedisLink } from "./index.ts";
import { defaultDeadlines } from "./link-deadlines.ts";
import { parseRedisAddress } from "./redis-address.ts";
import { scripts } from "./script.ts";
import { ServerLink, type ServerLinkOptions } from "./server-link.ts";
import { type RedisServer, startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);

/** Deadlines with which a link detects a hanging server after one second. */
const deadlines = { ...defaultDeadlines, canaryIntervalMs: 50, canaryMs: 1_000, openMs: 1_000 };

/** Opens a link and records its messages, errors and disruptions. */
async function linked(server: RedisServer, options: Partial<ServerLinkOptions> = {}) {
  const heard: string[] = [];
  const faults: unknown[] = [];
  let disruptions = 0;
  const link = await ServerLink.open({
    address: parseRedisAddress(server.adminUrl),
    locate: async () => ({ host: "127.0.0.1", port: server.port }),
    onError: (error) => faults.push(error),
    ...options,
  });
  link.listen({
    onMessage: (message, busChannel) => heard.push(`${busChannel} ${message}`),
    onDisrupted: () => disruptions++,
  });
  return {
    link,
    heard,
    faults,
    disruptions: () => disruptions,
    [Symbol.asyncDispose]: () => link.close(),
  };
}

/** Opens a plain Redis client, in addition to the link. */
async function admin(server: RedisServer) {
  const client = createClient({ url: server.adminUrl, RESP: 2 });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.destroy() });
}

function acquire(link: RedisLink, name: string): Promise<unknown> {
  return link.run(
    scripts.lease,
    [`lease:${name}`],
    ["1000", "acquire", "token", "1000", "1000", ""],
  );
}

test("scripts that Redis has forgotten are loaded again, and the calls keep their order", async () => {
  await using server = await startRedis();
  await using own = await linked(server);
  await using client = await admin(server);
  const { link } = own;
  const count = { name: "count", sha: scripts.lease.sha, text: scripts.lease.text };
  await acquire(link, "a");
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 300; i++) {
    if (i % 100 === 50) void client.scriptFlush();
    calls.push(
      link.run(count, ["lease:b"], [String(i), "force", `token-${i}`, "1000", "1000", ""]),
    );
    if (i % 10 === 0) await Promise.race(calls.slice(-3));
  }
  const fences = (await Promise.all(calls)).map((answer) => Number((answer as string[])[1]));
  expect(fences).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
});

test("[TRAP-8] after a server restart the link is up only once every subscription is restored", async () => {
  const first = await startRedis();
  await using own = await linked(first);
  const { link, heard } = own;
  const names = Array.from({ length: 2_500 }, (_, i) => `bus:${i}`);
  await link.subscribe(names);
  await link.unsubscribe(["bus:7"]);
  await first[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(link.downSince).toBeDefined());
  await expect(acquire(link, "a")).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(link.subscribe(["bus:late"])).rejects.toMatchObject({ code: "store_unavailable" });
  await using second = await startRedis([], first.port);
  await vi.waitFor(() => expect(own.disruptions()).toBe(1), 10_000);
  expect(link.downSince).toBeUndefined();
  await using client = await admin(second);
  for (const name of ["bus:0", "bus:7", "bus:late", "bus:2499"]) await client.publish(name, "x");
  await vi.waitFor(() => expect(heard).toEqual(["bus:0 x", "bus:2499 x"]));
  expect(await acquire(link, "a")).toBeTruthy();
});

test("[TRAP-8] the link detects a broken subscription socket and subscribes again", async () => {
  await using server = await startRedis();
  await using own = await linked(server);
  await using client = await admin(server);
  await own.link.subscribe(["bus:a"]);
  await client.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
  await vi.waitFor(() => expect(own.disruptions()).toBe(1), 10_000);
  await client.publish("bus:a", "x");
  await vi.waitFor(() => expect(own.heard).toEqual(["bus:a x"]));
});

test("the link ends its connection to a server that hangs, and rejects the pending call", async () => {
  await using server = await startRedis();
  await using own = await linked(server, { deadlines });
  server.process.kill("SIGSTOP");
  const owed = acquire(own.link, "a");
  await expect(owed).rejects.toMatchObject({ code: "store_unavailable" });
  expect(own.link.downSince).toBeDefined();
  server.process.kill("SIGCONT");
  await vi.waitFor(() => expect(own.link.downSince).toBeUndefined(), 15_000);
}, 30_000);

test("[TRAP-9] the link switches from a master that accepts connections but never answers to the new master", async () => {
  await using first = await startRedis();
  await using second = await startRedis();
  let master = first;
  const reasons: unknown[] = [];
  const link = await ServerLink.open({
    address: parseRedisAddress(first.adminUrl),
    locate: async () => ({ host: "127.0.0.1", port: master.port }),
    deadlines,
    onError: (reason) => {
      reasons.push(reason);
      // The first reconnect must still find the old master, so the new one is named only after that reconnect
      // failed.
      if (reasons.length === 2) master = second;
    },
  });
  await using _link = { [Symbol.asyncDispose]: () => link.close() };
  first.process.kill("SIGSTOP");
  await vi.waitFor(() => expect(reasons.length).toBeGreaterThan(1), 15_000);
  expect(String(reasons[1])).toContain("did not answer within");
  await vi.waitFor(() => expect(link.downSince).toBeUndefined(), 15_000);
  expect(await acquire(link, "a")).toBeTruthy();
  first.process.kill("SIGCONT");
}, 40_000);

test("[TRAP-10] the link waits for a random share of a growing bound before each reconnect", async () => {
  await using server = await startRedis();
  await using own = await linked(server, { random: () => 0.25 });
  const timers = vi.spyOn(globalThis, "setTimeout");
  await server[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(own.faults.length).toBeGreaterThan(4), 10_000);
  const delays = timers.mock.calls.map(([, delayMs]) => delayMs);
  timers.mockRestore();
  // The bounds of these delays are 50, 100, 200 and 400 ms.
  expect(delays).toEqual(expect.arrayContaining([12.5, 25, 50, 100]));
});

test("a channel unsubscribed during a reconnect is not subscribed to afterwards", async () => {
  await using server = await startRedis();
  await using own = await linked(server);
  await using client = await admin(server);
  const names = Array.from({ length: 20_000 }, (_, i) => `bus:${i}`);
  await own.link.subscribe(names);
  await client.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
  await vi.waitFor(() => expect(own.link.downSince).toBeDefined());
  const subscribers = async (name = "") => Object.values(await client.pubSubNumSub([name]))[0];
  // The first channel is subscribed to again now, while the others are still being subscribed to.
  while ((await subscribers(names[0])) === 0);
  await own.link.unsubscribe(["bus:7"]);
  await vi.waitFor(() => expect(own.disruptions()).toBe(1), 10_000);
  await vi.waitFor(async () => expect(await subscribers("bus:7")).toBe(0), 10_000);
  expect(await subscribers("bus:8")).toBe(1);
});

test("a channel unsubscribed in the last step of a reconnect is not subscribed to afterwards", async () => {
  await using server = await startRedis();
  let unsubscribe = () => {};
  // The link asks for this key once its subscriptions are restored, before it uses the new connection.
  await using own = await linked(server, { canaryKey: () => void unsubscribe() });
  await using client = await admin(server);
  await own.link.subscribe(["bus:7", "bus:8"]);
  unsubscribe = () => {
    if (own.link.downSince !== undefined) void own.link.unsubscribe(["bus:7"]);
  };
  await client.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
  await vi.waitFor(() => expect(own.disruptions()).toBe(1), 10_000);
  await vi.waitFor(async () => {
    expect(await client.pubSubNumSub(["bus:7", "bus:8"])).toEqual({ "bus:7": 0, "bus:8": 1 });
  }, 10_000);
});

test("connectRedis rejects an unreachable server or a wrong password with a one-line error without the password", async () => {
  await using server = await startRedis(["--requirepass", "right"]);
  const wrong = server.adminUrl.replace("redis://", "redis://:wrong-word@");
  const refusal = await connectRedis({ url: wrong }).catch((error: Error) => error.message);
  expect(refusal).toMatch(/^Redis at 127\.0\.0\.1:\d+: .*(WRONGPASS|invalid)/);
  expect(refusal).not.toContain("wrong-word");
  await using gone = await startRedis();
  gone.process.kill("SIGKILL");
  await once(gone.process, "exit");
  await expect(connectRedis({ url: gone.adminUrl })).rejects.toThrow(/^Redis at 127.*ECONNREFUSED/);
  const right = await connectRedis({ url: server.adminUrl.replace("redis://", "redis://:right@") });
  await right.close();
});

test("connectRedis rejects a replica, which takes no writes", async () => {
  await using master = await startRedis();
  await using replica = await startRedis(["--replicaof", `127.0.0.1 ${master.port}`]);
  await expect(connectRedis({ url: replica.adminUrl })).rejects.toThrow(/is a slave/);
});

test("[TRAP-9] the link switches from a demoted master to the new one and restores all subscriptions", async () => {
  await using first = await startRedis();
  await using second = await startRedis();
  let master = first;
  const address = parseRedisAddress(first.adminUrl);
  const locate = async () => ({ host: "127.0.0.1", port: master.port });
  const link = await ServerLink.open({ address, locate, deadlines, onError: () => {} });
  const heard: string[] = [];
  let disruptions = 0;
  link.listen({ onMessage: (message) => heard.push(message), onDisrupted: () => disruptions++ });
  await link.subscribe(["bus:a"]);
  await using old = await admin(first);
  master = second;
  await old.sendCommand(["REPLICAOF", "127.0.0.1", String(second.port)]);
  await vi.waitFor(() => expect(disruptions).toBe(1), 10_000);
  await using client = await admin(second);
  await client.publish("bus:a", "from the new one");
  await vi.waitFor(() => expect(heard).toContain("from the new one"));
  expect(await acquire(link, "a")).toBeTruthy();
  await link.close();
});
