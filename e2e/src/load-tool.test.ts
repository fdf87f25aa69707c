import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createGateway, memoryEngine } from "@milepost/server";
import { afterAll, beforeAll, expect, test } from "vitest";

const command = fileURLToPath(new URL("../../packages/cli/bin/milepost.js", import.meta.url));
const secrets = { tokenSecret: "t".repeat(48), apiKey: "k".repeat(48) };
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "milepost-load-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A gateway that takes so many connections. */
async function startGateway(maxConnections: number) {
  const gateway = createGateway({
    engine: memoryEngine(),
    auth: { tokenSecret: secrets.tokenSecret, apiKeys: [{ name: "bench", key: secrets.apiKey }] },
    limits: { maxConnections },
    log: { info() {}, warn() {}, error() {} },
  });
  const { port } = await gateway.listen({ port: 0, host: "127.0.0.1" });
  const env = {
    ...process.env,
    MILEPOST_URL: `http://127.0.0.1:${port}`,
    MILEPOST_API_KEY: secrets.apiKey,
    MILEPOST_TOKEN_SECRET: secrets.tokenSecret,
  };
  return { env, [Symbol.asyncDispose]: () => gateway.close() };
}

const small = [
  ...["bench", "1k", "--connections", "120", "--connect-rate", "400", "--channels", "20"],
  ...["--rate", "100", "--duration", "1s", "--warmup", "0", "--processes", "2"],
];

test("[S9] milepost bench reports every delivery of a schedule, with figures of the gateway and a picture", async () => {
  await using gateway = await startGateway(1_000);
  const [out, svg] = [join(folder, "run.json"), join(folder, "run.svg")];
  const args = [command, ...small, "--out", out, "--svg", svg];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: gateway.env });
  expect(stdout).toContain("connected   120 of 120");
  expect(stdout).toContain("lost        0, repeated or late 0");
  const report = JSON.parse(await readFile(out, "utf8"));
  expect(report).toMatchObject({
    kind: "milepost-bench",
    processes: { readers: 2, publishers: 1 },
    publish: { scheduled: 100, accepted: 100, refusals: [], unsent: 0 },
    delivery: { delivered: 600, missing: 0, repeated: 0, latency: { count: 600 } },
    disconnects: [],
  });
  expect(report.connect.latency.count).toBe(120);
  expect(report.server.residentBytes).toBeGreaterThan(1e7);
  expect(await readFile(svg, "utf8")).toMatch(/^<svg /);
});

test("[S9] milepost bench ends with 1 and names the reason when the gateway refuses connections or ends early", async () => {
  await using gateway = await startGateway(100);
  const child = spawn(
    process.execPath,
    [command, ...small.map((arg) => (arg === "1s" ? "60s" : arg)), "--json"],
    {
      env: gateway.env,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = once(child, "exit");
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk;
  });
  await new Promise<void>((resolve) => {
    let progress = "";
    child.stderr.on("data", (chunk: Buffer) => {
      progress += chunk;
      if (progress.includes("measure")) resolve();
    });
  });
  // Ends the measured time at once; the run still reports what it has.
  child.kill("SIGINT");
  expect(await ended).toEqual([1, null]);
  const report = JSON.parse(printed);
  expect(report.wasInterrupted).toBe(true);
  expect(report.connect).toMatchObject({ asked: 120, opened: 100 });
  expect(report.connect.failures).toEqual([
    { reason: "closed with 1013 too many connections", count: 20 },
  ]);
  expect(report.delivery).toMatchObject({ missing: 0, repeated: 0 });
});
