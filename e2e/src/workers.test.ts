import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@milepost/client";
import { startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { type Served, secrets, serveGateway } from "./fixtures/served.ts";

const channels = { subscribe: ["room:*"], publish: ["room:*"] };
const patience = { timeout: 45_000, interval: 50 };

function clientAt(url: string, user: string) {
  const token = () => createTokens(secrets.tokenSecret, Date).mint({ user, channels });
  return createClient({ url: `${url.replace("http", "ws")}/ws`, token, webSocket: WebSocket });
}

/** Returns readers that record the entries they receive, and every gap and reset. */
function readersAt(url: string, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const client = clientAt(url, `reader-${i}`);
    const seen: number[] = [];
    const broken: string[] = [];
    const subscription = client.channel("room:1").subscribe({
      onEvent: ({ data }) => seen.push(data as number),
      onGap: ({ reason }) => broken.push(`gap ${reason}`),
      onReset: ({ reason }) => broken.push(`reset ${reason}`),
    });
    return { client, seen, broken, ready: subscription.ready };
  });
}

/** Starts workers and waits until all of them listen. */
async function serveWorkers(...flags: readonly string[]): Promise<Served> {
  const served = await serveGateway(...flags);
  await vi.waitFor(() => expect(served.output()).toContain("the workers listen"), patience);
  return served;
}

/** Returns the number of nodes that the gateway lists. */
async function countNodes(url: string): Promise<number> {
  const headers = { authorization: `Bearer ${secrets.apiKey}` };
  const answer = await fetch(`${url}/v1/nodes`, { headers });
  return ((await answer.json()) as { nodes: readonly unknown[] }).nodes.length;
}

/** Returns the pids of the workers, which are the children of the supervisor. */
async function workersOf({ pid }: Served): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Creates a configuration file that is replaced atomically, so that a process never reads half of it. */
async function configFile(settings: object) {
  const folder = await mkdtemp(join(tmpdir(), "milepost-workers-"));
  const path = join(folder, "settings.json");
  const write = async (text: string) => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  await write(JSON.stringify(settings));
  return {
    path,
    write,
    set: (changed: object) => write(JSON.stringify(changed)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** Returns the log lines whose message begins with `message`. */
function logged(served: Served, message: string): readonly Record<string, unknown>[] {
  return served
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => typeof msg === "string" && msg.startsWith(message));
}

/** Waits until `count` log lines begin with the message, and returns them. */
async function untilLogged(served: Served, message: string, count = 1) {
  await vi.waitFor(
    () => expect(logged(served, message).length, served.output()).toBeGreaterThanOrEqual(count),
    patience,
  );
  return logged(served, message);
}

describe("milepost serve --workers", () => {
  test("[C12] workers run with half of Node's room for new objects, and the supervisor without the code of the gateway", async () => {
    await using redis = await startRedis();
    await using served = await serveWorkers("--redis", redis.url, "--workers", "2");
    const workers = await workersOf(served);
    expect(workers).toHaveLength(2);
    for (const pid of workers) {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
      expect(command.split("\0")).toContain("--max-semi-space-size=8");
    }
    const ownBytes = async (pid: number) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
      return Number(/^Pss_Anon:\s+(\d+) kB$/m.exec(rollup)?.[1]);
    };
    // The code of the gateway alone would make it more than half of a worker.
    const worker = Math.min(...(await Promise.all(workers.map(ownBytes))));
    expect(await ownBytes(served.pid)).toBeLessThan(worker / 2);
  });

  test("[G8] SIGHUP replaces all workers while 20 readers miss nothing and receive nothing twice", async () => {
    await using redis = await startRedis();
    await using served = await serveGateway(
      "--redis",
      redis.url,
      "--workers",
      "3",
      "--drain",
      "1s",
    );
    const readers = readersAt(served.url, 20);
    await Promise.all(readers.map(({ ready }) => ready));
    await vi.waitFor(async () => expect(await countNodes(served.url)).toBe(3), patience);
    const before = await workersOf(served);
    await using publisher = clientAt(served.url, "publisher");
    let isRolling = true;
    let n = 0;
    const publishing = (async () => {
      while (isRolling) await publisher.channel("room:1").publish("tick", ++n);
    })();
    process.kill(served.pid, "SIGHUP");
    await vi.waitFor(() => expect(served.output()).toContain("all workers are replaced"), patience);
    isRolling = false;
    await publishing;
    const after = await workersOf(served);
    expect(after).toHaveLength(3);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    await vi.waitFor(() => {
      for (const { seen } of readers) expect(seen.at(-1)).toBe(n);
    }, patience);
    const all = Array.from({ length: n }, (_, i) => i + 1);
    expect(n).toBeGreaterThan(100);
    for (const { seen, broken } of readers)
      expect({ seen, broken }).toEqual({ seen: all, broken: [] });
    await Promise.all(readers.map(({ client }) => client.close()));
    expect(await served.end("SIGTERM")).toBe(0);
  });

  test("[G8] [P-MET-5] a killed worker is replaced, no reader misses an entry, and a scrape shows both workers", async () => {
    await using redis = await startRedis();
    const flags = ["--redis", redis.url, "--workers", "2", "--metrics-port", "0"];
    await using served = await serveWorkers(...flags);
    const readers = readersAt(served.url, 6);
    await Promise.all(readers.map(({ ready }) => ready));
    const [victim = 0] = await workersOf(served);
    await using publisher = clientAt(served.url, "publisher");
    for (let n = 1; n <= 50; n++) {
      if (n === 25) process.kill(victim, "SIGKILL");
      await publisher.channel("room:1").publish("tick", n);
    }
    await vi.waitFor(async () => {
      const pids = await workersOf(served);
      expect(pids).toHaveLength(2);
      expect(pids).not.toContain(victim);
    }, patience);
    const all = Array.from({ length: 50 }, (_, i) => i + 1);
    await vi.waitFor(() => {
      for (const { seen, broken } of readers)
        expect({ seen, broken }).toEqual({ seen: all, broken: [] });
    }, patience);
    const url = /"metrics":"([^"]+)"/.exec(served.output())?.[1] ?? "";
    await vi.waitFor(async () => {
      const text = await (await fetch(url)).text();
      const counts = [...text.matchAll(/^milepost_connections\{worker="(\d+)"\} (\d+)$/gm)];
      expect(counts.map(([, worker]) => worker)).toEqual(["1", "2"]);
      expect(counts.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(7);
    }, patience);
    await Promise.all(readers.map(({ client }) => client.close()));
  });

  test("workers exit when their supervisor is killed", async () => {
    await using redis = await startRedis();
    await using served = await serveWorkers("--redis", redis.url, "--workers", "2");
    const pids = await workersOf(served);
    expect(pids).toHaveLength(2);
    await served.end("SIGKILL");
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), patience);
  });

  test("SIGTERM while workers are starting ends all of them, and the command exits with 0", async () => {
    await using redis = await startRedis();
    // The command prints its address when the first worker listens; the others have only just been forked.
    await using served = await serveGateway("--redis", redis.url, "--workers", "3");
    const pids = await workersOf(served);
    expect(await served.end("SIGTERM")).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(served.output()).not.toContain("the workers listen");
  });

  test("SIGTERM while a successor is starting ends it as well, and the command exits with 0", async () => {
    await using redis = await startRedis();
    await using served = await serveWorkers("--redis", redis.url, "--workers", "2");
    process.kill(served.pid, "SIGHUP");
    await vi.waitFor(async () => expect(await workersOf(served)).toHaveLength(3), patience);
    const pids = await workersOf(served);
    expect(await served.end("SIGTERM")).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test("a worker that dies while its successor starts is replaced only once", async () => {
    await using redis = await startRedis();
    await using served = await serveWorkers("--redis", redis.url, "--workers", "2");
    const [oldest = 0] = await workersOf(served);
    process.kill(served.pid, "SIGHUP");
    await vi.waitFor(async () => expect(await workersOf(served)).toHaveLength(3), patience);
    process.kill(oldest, "SIGKILL");
    await untilLogged(served, "all workers are replaced");
    // A second rolling restart takes longer than the delay after which a superfluous worker would start.
    process.kill(served.pid, "SIGHUP");
    await untilLogged(served, "all workers are replaced", 2);
    expect(await workersOf(served)).toHaveLength(2);
  });

  test("a second SIGHUP during a rolling restart leaves all workers with the latest configuration", async () => {
    await using redis = await startRedis();
    await using config = await configFile({ drainMs: 1_001 });
    await using served = await serveWorkers(
      ...["--redis", redis.url, "--workers", "3", "--config", config.path],
    );
    await config.set({ drainMs: 1_002 });
    process.kill(served.pid, "SIGHUP");
    await untilLogged(served, "the gateway listens", 4);
    await config.set({ drainMs: 1_003 });
    process.kill(served.pid, "SIGHUP");
    await untilLogged(served, "SIGHUP during a start or a rolling restart");
    await untilLogged(served, "all workers are replaced", 2);
    expect(await served.end("SIGTERM")).toBe(0);
    const drains = logged(served, "stopping: waiting for clients to disconnect").map(
      (line) => line.drain_ms,
    );
    expect(drains).toHaveLength(9);
    expect(drains.slice(-3)).toEqual([1_003, 1_003, 1_003]);
  });

  test("a mistake in the configuration stops a rolling restart, and the next SIGHUP replaces all workers", async () => {
    await using redis = await startRedis();
    await using config = await configFile({ drainMs: 1_001 });
    await using served = await serveWorkers(
      ...["--redis", redis.url, "--workers", "3", "--config", config.path],
    );
    await config.set({ drainMs: 1_002 });
    process.kill(served.pid, "SIGHUP");
    await untilLogged(served, "the gateway listens", 4);
    await config.write("{");
    const [stopped] = await untilLogged(served, "the configuration has mistakes");
    expect(stopped).toMatchObject({ replaced: 1, workers: 3, level: "error" });
    expect(stopped?.msg).toContain("the next SIGHUP");
    expect(logged(served, "the gateway listens")).toHaveLength(4);
    expect(await workersOf(served)).toHaveLength(3);
    await config.set({ drainMs: 1_003 });
    process.kill(served.pid, "SIGHUP");
    await untilLogged(served, "all workers are replaced");
    expect(await served.end("SIGTERM")).toBe(0);
    const drains = logged(served, "stopping: waiting for clients to disconnect").map(
      (line) => line.drain_ms,
    );
    expect(drains.slice(-3)).toEqual([1_003, 1_003, 1_003]);
  });

  test("SIGHUP with another number of workers logs that the change needs a restart", async () => {
    await using redis = await startRedis();
    await using config = await configFile({ workers: 2 });
    await using served = await serveWorkers("--redis", redis.url, "--config", config.path);
    await config.set({ workers: 4 });
    process.kill(served.pid, "SIGHUP");
    const [warning] = await untilLogged(
      served,
      "the configured number of workers takes effect only after a restart",
    );
    expect(warning).toMatchObject({ level: "warn", workers: 2, configured: 4 });
    await untilLogged(served, "all workers are replaced");
    expect(await workersOf(served)).toHaveLength(2);
  });

  test("draining workers no longer listen on the port, and each of their log lines has its worker's pid", async () => {
    await using redis = await startRedis();
    await using served = await serveWorkers(
      ...["--redis", redis.url, "--workers", "2", "--drain", "30s"],
    );
    const pids = await workersOf(served);
    const [reader] = readersAt(served.url, 1);
    await reader?.ready;
    expect((await fetch(`${served.url}/readyz`)).status).toBe(200);
    // This socket ignores the shutdown notice, so the drain lasts until the test closes it.
    const token = await createTokens(secrets.tokenSecret, Date).mint({ user: "7", channels });
    const headers = { authorization: `Bearer ${token}` };
    const socket = new WebSocket(`${served.url.replace("http", "ws")}/ws`, { headers });
    await new Promise((resolve) => socket.once("open", resolve));
    const ended = served.end("SIGTERM");
    const lines = await untilLogged(served, "stopping: waiting for clients to disconnect", 2);
    expect(lines.map(({ pid }) => pid).sort()).toEqual([...pids].sort());
    await vi.waitFor(
      () =>
        expect(fetch(`${served.url}/readyz`)).rejects.toMatchObject({
          cause: { code: "ECONNREFUSED" },
        }),
      patience,
    );
    expect(pids.filter(isAlive)).not.toEqual([]);
    await reader?.client.close();
    socket.close();
    expect(await ended).toBe(0);
  });

  test("an error that every worker would meet is printed once, and workers without Redis are refused", async () => {
    await using redis = await startRedis(["--requirepass", "right"]);
    const wrong = await failure("--redis", redis.adminUrl, "--workers", "3");
    expect(wrong).toMatch(/^serve ended with 1:\n/);
    expect(wrong.match(/milepost: Redis at /g)).toHaveLength(1);
    expect(await failure("--workers", "2")).toMatch(
      /^serve ended with 3:\n.*\n.*workers above 1 need redis/,
    );
  });
});

describe("milepost serve without workers", () => {
  test("SIGHUP logs that new settings need a restart, and the gateway continues to serve", async () => {
    await using served = await serveGateway();
    process.kill(served.pid, "SIGHUP");
    const [warning] = await untilLogged(served, "SIGHUP");
    expect(warning).toMatchObject({ level: "warn", msg: expect.stringContaining("restart") });
    expect((await fetch(`${served.url}/readyz`)).status).toBe(200);
    expect(await served.end("SIGTERM")).toBe(0);
  });
});

describe("milepost serve --role", () => {
  test("a node for readers and a node for backends together do the work of a single node", async () => {
    await using redis = await startRedis();
    await using forReaders = await serveGateway("--redis", redis.url, "--role", "gateway");
    await using forBackends = await serveGateway("--redis", redis.url, "--role", "api");
    const [reader] = readersAt(forReaders.url, 1);
    await reader?.ready;
    const publish = (url: string) =>
      fetch(`${url}/v1/publish`, {
        method: "POST",
        headers: { authorization: `Bearer ${secrets.apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({ channel: "room:1", event: "tick", data: 1 }),
      });
    const refused = await publish(forReaders.url);
    expect(refused.status).toBe(404);
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining("role") });
    expect((await publish(forBackends.url)).status).toBe(200);
    await vi.waitFor(() => expect(reader?.seen).toEqual([1]), patience);
    const socket = new WebSocket(`${forBackends.url.replace("http", "ws")}/ws`);
    const status = await new Promise<number | undefined>((resolve) => {
      socket.once("unexpected-response", (_request, { statusCode }) => resolve(statusCode));
    });
    expect(status).toBe(404);
    socket.on("error", () => {});
    socket.terminate();
    expect((await fetch(`${forBackends.url}/readyz`)).status).toBe(200);
    await reader?.client.close();
  });
});

async function failure(...flags: readonly string[]): Promise<string> {
  try {
    await using _gateway = await serveGateway(...flags);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("the gateway started");
}
