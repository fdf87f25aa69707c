import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "@milepost/redis/testing";
import { expect, test, vi } from "vitest";
import { redisLine } from "./fixtures/redis-line.ts";
import { type Served, secrets, serveGateway } from "./fixtures/served.ts";

const patience = { timeout: 20_000, interval: 100 };

async function published(gateway: Served, channel: string): Promise<number[]> {
  const url = `${gateway.url}/v1/channels/${channel}/history?limit=1000`;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${secrets.apiKey}` } });
  const { entries } = (await answer.json()) as { entries: { data: number }[] };
  return entries.map(({ data }) => data);
}

test("[P-SRC-1] [P-SRC-3] [G3] publications added to a stream survive the death of the node that reads it, once and in order", async () => {
  await using redis = await startRedis();
  await using line = await redisLine(redis.port);
  const folder = await mkdtemp(join(tmpdir(), "milepost-sources-"));
  try {
    const config = join(folder, "milepost.json");
    const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
    const rule = { pattern: "job:*", subscribe: "granted", publish: "granted", retention };
    const sources = [{ stream: "publications", turnMs: 1_000, batch: 20 }];
    await writeFile(config, JSON.stringify({ rules: [rule], sources }));
    const flags = ["--redis", redis.url, "--config", config];
    await using first = await serveGateway(...flags);
    const add = async (from: number, to: number) => {
      for (let n = from; n <= to; n++) {
        const channel = n % 2 === 1 ? "job:odd" : "job:even";
        await line.send(
          "XADD",
          "publications",
          "*",
          "channel",
          channel,
          "event",
          "n",
          "data",
          String(n),
        );
      }
    };
    await add(1, 10);
    await vi.waitFor(
      async () => expect((await published(first, "job:even")).length).toBe(5),
      patience,
    );
    await using second = await serveGateway(...flags);
    const adding = add(11, 600);
    await vi.waitFor(
      async () => expect((await published(second, "job:odd")).length).toBeGreaterThan(20),
      { ...patience, interval: 5 },
    );
    await first.end("SIGKILL");
    await adding;
    const all = Array.from({ length: 600 }, (_, i) => i + 1);
    for (const [channel, rest] of [
      ["job:odd", 1],
      ["job:even", 0],
    ] as const) {
      const own = all.filter((n) => n % 2 === rest);
      await vi.waitFor(async () => expect(await published(second, channel)).toEqual(own), patience);
    }
    await vi.waitFor(
      async () =>
        expect(await line.send("XPENDING", "publications", "milepost")).toContain(":0\r\n"),
      patience,
    );
    expect(await second.end("SIGTERM")).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);
