import { once } from "node:events";
import { test as anyTest, expect, vi } from "vitest";
import { connectRedis, type RedisLink } from "./index.ts";
import { scripts } from "./script.ts";
import { freePort, startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const patience = { timeout: 15_000 };

/** Connects with a link that waits for Redis, and records what it says. */
async function waiting(url: string) {
  const refusals: string[] = [];
  const faults: unknown[] = [];
  const link = await connectRedis({
    url,
    onError: (error) => faults.push(error),
    onRefused: ({ message }) => refusals.push(message),
  });
  return { link, refusals, faults, [Symbol.asyncDispose]: () => link.close() };
}

function acquire(link: RedisLink): Promise<unknown> {
  return link.run(scripts.lease, ["lease:a"], ["1000", "acquire", "token", "1000", "1000", ""]);
}

test("[P-JOIN-1] a link opened without its Redis refuses calls at once, and connects when Redis comes", async () => {
  const port = await freePort();
  await using own = await waiting(`redis://127.0.0.1:${port}`);
  const { link, faults } = own;
  expect(link.watch.health).toEqual({ connected: false, busConnected: false, takesWrites: false });
  expect(link.now()).toBeUndefined();
  expect(String(faults[0])).toContain("ECONNREFUSED");
  await expect(acquire(link)).rejects.toMatchObject({ code: "store_unavailable" });
  await using _server = await startRedis([], port);
  await vi.waitFor(() => expect(link.watch.health.connected).toBe(true), patience);
  expect(link.now()).toBeGreaterThan(1e12);
  expect(await acquire(link)).toBeTruthy();
  expect(own.refusals).toEqual([]);
});

test("[P-JOIN-2] a link that waits for Redis rejects a wrong password at once, and reports it if Redis comes later", async () => {
  const port = await freePort();
  const url = `redis://:wrong-word@127.0.0.1:${port}`;
  await using own = await waiting(url);
  await using _server = await startRedis(["--requirepass", "right"], port);
  await vi.waitFor(() => expect(own.refusals.length).toBeGreaterThan(0), patience);
  expect(own.refusals[0]).toMatch(/^Redis at 127\.0\.0\.1:\d+: .*(WRONGPASS|invalid)[^\n]*$/);
  expect(own.refusals[0]).not.toContain("wrong-word");
  await expect(waiting(url)).rejects.toThrow(/^Redis at 127\.0\.0\.1:\d+: .*(WRONGPASS|invalid)/);
});

test("[P-JOIN-2] a link that has been connected once outlives a Redis that comes back with another password", async () => {
  const port = await freePort();
  const first = await startRedis([], port);
  await using own = await waiting(`redis://127.0.0.1:${port}`);
  await first[Symbol.asyncDispose]();
  const second = await startRedis(["--requirepass", "another"], port);
  await vi.waitFor(() => expect(String(own.faults.at(-1))).toContain("NOAUTH"), patience);
  await second[Symbol.asyncDispose]();
  await using _third = await startRedis([], port);
  await vi.waitFor(() => expect(own.link.watch.health.connected).toBe(true), patience);
  expect(own.refusals).toEqual([]);
});

test("[P-JOIN-1] a link opened without its Sentinels connects to the master that they name when they come", async () => {
  const { mkdtemp, writeFile, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const folder = await mkdtemp(join(tmpdir(), "milepost-late-sentinel-"));
  try {
    const [port, masterPort] = [await freePort(), await freePort()];
    await using own = await waiting(`redis+sentinel://127.0.0.1:${port}/main`);
    expect(own.link.watch.health.connected).toBe(false);
    await using _master = await startRedis([], masterPort);
    const file = join(folder, "sentinel.conf");
    await writeFile(file, `sentinel monitor main 127.0.0.1 ${masterPort} 1\n`);
    await using _sentinel = await startRedis([], port, file);
    await vi.waitFor(() => expect(own.link.watch.health.connected).toBe(true), patience);
    await expect(waiting(`redis+sentinel://127.0.0.1:${port}/other`)).rejects.toThrow(
      /knows no master other/,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("[P-JOIN-1] a link opened without its cluster connects when the cluster serves its slots", async () => {
  const port = await freePort();
  await using own = await waiting(`redis+cluster://127.0.0.1:${port}`);
  const { link } = own;
  expect(link.watch.health.connected).toBe(false);
  await expect(acquire(link)).rejects.toMatchObject({ code: "store_unavailable" });
  const { createClient } = await import("@redis/client");
  const options = ["--cluster-enabled", "yes", "--cluster-port", String(await freePort())];
  await using server = await startRedis(options, port);
  const admin = createClient({ url: server.adminUrl, RESP: 2 });
  await admin.connect();
  await admin.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
  admin.destroy();
  await vi.waitFor(() => expect(link.watch.health.takesWrites).toBe(true), patience);
  await vi.waitFor(async () => expect(await acquire(link)).toBeTruthy(), patience);
  expect(own.refusals).toEqual([]);
});

test("a link that does not wait rejects an absent Redis", async () => {
  await using gone = await startRedis();
  gone.process.kill("SIGKILL");
  await once(gone.process, "exit");
  await expect(connectRedis({ url: gone.adminUrl })).rejects.toThrow(/ECONNREFUSED/);
});
