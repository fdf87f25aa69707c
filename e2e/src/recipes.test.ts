import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startRedis } from "@milepost/redis/testing";
import { expect, test, vi } from "vitest";
import { secrets, serveGateway } from "./fixtures/served.ts";

const page = new URL("../../docs/recipes.md", import.meta.url);
const root = fileURLToPath(new URL("../..", import.meta.url));
const patience = { timeout: 20_000, interval: 50 };

test("each command of docs/recipes.md works against a gateway over Redis", async () => {
  const blocks = (await readFile(page, "utf8")).matchAll(/```sh\n([\s\S]*?)```/g);
  const script = [...blocks].map(([, commands]) => commands).join("\n");
  await using redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "recipes-"));
  try {
    const config = join(folder, "milepost.json");
    await writeFile(config, JSON.stringify({ sources: [{ stream: "publications" }] }));
    await using gateway = await serveGateway("--redis", redis.url, "--config", config);
    const get = async (path: string): Promise<unknown> => {
      const response = await fetch(`${gateway.url}${path}`, {
        headers: { authorization: `Bearer ${secrets.apiKey}` },
      });
      return response.json();
    };
    await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], {
      cwd: root,
      env: {
        ...process.env,
        MILEPOST_URL: gateway.url,
        MILEPOST_API_KEY: secrets.apiKey,
        REDIS_PORT: String(redis.port),
      },
    });
    expect(await get("/v1/operations/export-9")).toMatchObject({
      operation: {
        status: "done",
        counter: { done: 40, total: 100, unit: "orders" },
        result: { file: "orders.csv" },
        log: [{ level: "warning" }],
      },
    });
    expect(await get("/v1/operations?kind=command")).toMatchObject({
      operations: [{ title: "Nightly import", status: "done" }],
    });
    await vi.waitFor(async () => {
      const { entries } = (await get("/v1/channels/user:7/history?limit=100")) as {
        entries: { event: string; data: unknown }[];
      };
      expect(entries.filter(({ event }) => event === "note").map(({ data }) => data)).toEqual([
        { text: "indexed" },
        { text: "from a stream" },
      ]);
    }, patience);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
