import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@milepost/client";
import { lastingKeys, startRedis, startRedisCluster } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { redisLine } from "./fixtures/redis-line.ts";
import { secrets, serveGateway, serveGatewayWith } from "./fixtures/served.ts";

const channels = { subscribe: ["room:*"], publish: ["room:*"] };
const token = () => createTokens(secrets.tokenSecret, Date).mint({ user: "ana", channels });

function clientAt(url: string) {
  return createClient({ url: `${url.replace("http", "ws")}/ws`, token, webSocket: WebSocket });
}

describe("nodes that share a Redis", () => {
  test.for([
    ["a redis-server", () => startRedis()],
    ["a cluster of three masters", () => startRedisCluster()],
  ] as const)(
    "[G1] [G3] [G8] entries published on one node arrive on another in order and once: over %s",
    async ([, start]) => {
      await using redis = await start();
      await using a = await serveGateway("--redis", redis.url);
      await using b = await serveGateway("--redis", redis.url);
      await using reader = clientAt(a.url);
      await using publisher = clientAt(b.url);
      const total = 500;
      const seen: unknown[] = [];
      let finish = () => {};
      const all = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const subscription = reader.channel("room:1").subscribe({
        onEvent: ({ data }) => {
          seen.push(data);
          if (seen.length === total) finish();
        },
      });
      await subscription.ready;
      const sent = Array.from({ length: total }, (_, n) => n);
      await Promise.all(sent.map((n) => publisher.channel("room:1").publish("tick", n)));
      await all;
      expect(seen).toEqual(sent);
      const servers = "servers" in redis ? redis.servers : [redis];
      const ports = servers.map(({ port }) => port);
      expect(await lastingKeys(ports, "milepost")).toEqual([]);
    },
  );

  test("the health answer reports the state of the Redis connections", async () => {
    await using redis = await startRedis();
    await using gateway = await serveGateway("--redis", redis.url);
    const answer = await fetch(`${gateway.url}/ws/health`);
    expect(await answer.json()).toMatchObject({
      status: "healthy",
      redis: { connected: true, pubsub_connected: true, takes_writes: true, full: false },
    });
  });
});

test("[G9] [P-OP-5] [P-CMD-3] an operation taken over at a node that is killed becomes stalled and its command times out at the node where it began", async () => {
  await using redis = await startRedis();
  await using first = await serveGateway("--redis", redis.url);
  await using second = await serveGateway("--redis", redis.url);
  const call = async (gateway: string, path: string, body: unknown) => {
    const answer = await fetch(`${gateway}/v1/operations${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${secrets.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(answer.ok).toBe(true);
  };
  await call(first.url, "", { kind: "export", operation_id: "9", user_id: "ana" });
  await using client = clientAt(first.url);
  const operation = client.operation("9");
  const seen = new Map<string, number>();
  const all = new Promise<void>((resolve) => {
    operation.subscribe(() => {
      const { status, commands = [] } = operation.state ?? {};
      const names = [status, ...commands.map(({ phase }) => phase)];
      for (const name of names) {
        if (name !== undefined && !seen.has(name)) seen.set(name, performance.now());
      }
      if (seen.has("stalled") && seen.has("timed_out")) resolve();
    });
  });
  const start = performance.now();
  await call(second.url, "/9/lease", { lease_ms: 2_000 });
  await call(second.url, "/9/commands", { command: "cancel" });
  await second.end("SIGKILL");
  await all;
  // A surviving node notices what a dead node knew within 14 s; see docs/delivery.md.
  expect((seen.get("stalled") ?? 0) - start).toBeLessThan(2_000 + 14_000 + 1_000);
  expect((seen.get("timed_out") ?? 0) - start).toBeLessThan(15_000 + 14_000 + 1_000);
});

describe("a gateway whose Redis fails", () => {
  test.for(["SIGKILL", "SIGSTOP"] as const)(
    "[G6] [P-NOTICE-1] clients stay connected through %s of Redis and are notified within 5 s, and again when Redis is back",
    async (signal) => {
      const redis = await startRedis();
      await using gateway = await serveGateway("--redis", redis.url);
      await using client = clientAt(gateway.url);
      await client.channel("room:1").subscribe({}).ready;
      const lost = performance.now();
      const degraded = told(client, true);
      redis.process.kill(signal);
      expect((await degraded) - lost).toBeLessThan(5_000);
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
      expect(await (await fetch(`${gateway.url}/ws/health`)).json()).toMatchObject({
        status: "degraded",
      });
      await expect(
        client.channel("room:1").publish("e", 1, { timeoutMs: 1_000 }),
      ).rejects.toThrow();
      const restored = told(client, false);
      await using _after = signal === "SIGKILL" ? await startRedis([], redis.port) : redis;
      redis.process.kill("SIGCONT");
      await restored;
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
      expect(await client.channel("room:1").publish("e", 2)).toMatchObject({ duplicate: false });
      await redis[Symbol.asyncDispose]();
    },
  );

  test.for([
    ["has paused writes", "CLIENT PAUSE 100000 WRITE", "CLIENT UNPAUSE", "unreachable"],
    ["has no memory left", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "is full"],
    [
      "has too few replicas",
      "CONFIG SET min-replicas-to-write 1",
      "CONFIG SET min-replicas-to-write 0",
      "takes no writes",
    ],
  ] as const)(
    "[G6] [P-NOTICE-1] clients are notified within 5 s when Redis answers but %s, and again when it takes writes",
    async ([, begin, end, says]) => {
      await using redis = await startRedis();
      await using line = await redisLine(redis.port);
      await using gateway = await serveGateway("--redis", redis.url);
      await using client = clientAt(gateway.url);
      await client.channel("room:1").subscribe({}).ready;
      const degraded = told(client, true);
      const lost = performance.now();
      await line.send(begin);
      expect((await degraded) - lost).toBeLessThan(5_000);
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
      expect(gateway.output()).toMatch(new RegExp(`"warn".*"reason":.*"the store.* ${says}: `));
      const restored = told(client, false);
      await line.send(end);
      await restored;
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
      expect(await client.channel("room:1").publish("e", 1)).toMatchObject({ duplicate: false });
    },
  );
});

test("[G6] [P-LOCAL-1] [P-LOCAL-2] a channel with local outage mode works locally while Redis is down, and uses its log again afterwards", async () => {
  await using redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "milepost-rules-"));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const config = join(folder, "milepost.config.json");
  const retention = { maxEntries: 10, maxAgeMs: 60_000 };
  const rule = { pattern: "room:*", subscribe: "granted", publish: "granted", retention };
  await writeFile(config, JSON.stringify({ rules: [{ ...rule, outage: "local" }] }));
  await using gateway = await serveGateway("--redis", redis.url, "--config", config);
  await using reader = clientAt(gateway.url);
  await using publisher = clientAt(gateway.url);
  const seen: unknown[] = [];
  await reader.channel("room:1").subscribe({
    onEvent: ({ data }) => seen.push(data),
    onGap: ({ reason }) => seen.push(reason),
  }).ready;
  const room = publisher.channel("room:1");
  expect(await room.publish("e", 1)).not.toHaveProperty("local");
  const degraded = told(reader, true);
  redis.process.kill("SIGKILL");
  await degraded;
  expect(await room.publish("e", 2)).toMatchObject({ local: true });
  const restored = told(reader, false);
  await using _after = await startRedis([], redis.port);
  await restored;
  expect(await room.publish("e", 3)).not.toHaveProperty("local");
  await vi.waitFor(() => expect(seen).toEqual([1, "epoch_changed", 2, "epoch_changed", 3]), 10_000);
});

describe("start of a gateway that cannot reach Redis", () => {
  test("[P-JOIN-2] a gateway with --require-store exits with a one-line error when nothing listens at the Redis address", async () => {
    const port = await freePort();
    const failed = await failure("--redis", `redis://127.0.0.1:${port}`, "--require-store");
    expect(failed).toMatch(
      new RegExp(`^serve ended with 1:\nmilepost: Redis at 127.0.0.1:${port}: [^\n]+\n$`),
    );
  });

  test("[P-JOIN-1] workers start without their Redis and are unhealthy, and a client that keeps trying connects once Redis comes", async () => {
    const port = await freePort();
    const at = `redis://127.0.0.1:${port}`;
    await using gateway = await serveGateway("--redis", at, "--workers", "2");
    const statusOf = async (path: string) => (await fetch(`${gateway.url}${path}`)).status;
    expect(await statusOf("/healthz")).toBe(200);
    expect(await statusOf("/ws/health")).toBe(503);
    await using client = clientAt(gateway.url);
    const seen: unknown[] = [];
    const room = client.channel("room:1");
    const subscription = room.subscribe({ onEvent: ({ data }) => seen.push(data) });
    await using _redis = await startRedis([], port);
    await subscription.ready;
    await room.publish("e", 1);
    await vi.waitFor(() => expect(seen).toEqual([1]), 10_000);
    await vi.waitFor(async () => expect(await statusOf("/readyz")).toBe(200), 10_000);
  });

  test("a gateway exits with a one-line error that does not show the password when the Redis password is wrong", async () => {
    await using redis = await startRedis(["--requirepass", "right"]);
    const failed = await failure("--redis", redis.adminUrl.replace("//", "//:sesame@"));
    expect(failed).toMatch(/^serve ended with 1:\nmilepost: Redis at [^\n]+\n$/);
    expect(failed).toContain("password");
    expect(failed).not.toContain("sesame");
  });

  test("a gateway exits with 3 when --redis is not a URL of redis://", async () => {
    const failed = await failure("--redis", "http://127.0.0.1:6379");
    expect(failed).toMatch(/^serve ended with 3:\n/);
    expect(failed).toContain("--redis: redis must be a URL of redis://");
  });
});

test("a gateway without --redis loads no file of the Redis client or engine", async () => {
  await using redis = await startRedis();
  expect(await loadedOfRedis("--redis", redis.url)).not.toEqual([]);
  expect(await loadedOfRedis()).toEqual([]);
});

/**
 * Resolves with the time at which a client that stays connected reports its node as degraded, or as restored.
 */
function told(client: ReturnType<typeof clientAt>, degraded: boolean): Promise<number> {
  return new Promise((resolve) => {
    const stop = client.onState((state) => {
      expect(state.state).toBe("connected");
      if (state.state !== "connected" || state.degraded !== degraded) return;
      stop();
      resolve(performance.now());
    });
  });
}

async function failure(...flags: readonly string[]): Promise<string> {
  try {
    await using _gateway = await serveGateway(...flags);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("the gateway started");
}

/** Returns the URLs of the Redis client's and engine's files that a gateway with these flags loaded. */
async function loadedOfRedis(...flags: readonly string[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "milepost-coverage-"));
  try {
    await using gateway = await serveGatewayWith({ NODE_V8_COVERAGE: folder }, ...flags);
    expect(await gateway.end("SIGTERM")).toBe(0);
    const files = await Promise.all(
      (await readdir(folder)).map((file) => readFile(join(folder, file), "utf8")),
    );
    const urls = files.flatMap((text) => {
      const { result } = JSON.parse(text) as { result: readonly { url: string }[] };
      return result.map(({ url }) => url);
    });
    expect(urls.length).toBeGreaterThan(100);
    return urls.filter((url) => /@redis\/|packages\/redis\//.test(url));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
