import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const setup = join(root, "scripts/test-run.ts");
const patience = { timeout: 50_000, interval: 50 };
let folder: string;

/** Processes and folders that a test run has started. */
interface Started {
  readonly pids: readonly number[];
  readonly folders: readonly string[];
}

/** A test that starts a Redis and a Node, says so in the file `started.json`, and never ends. */
const endless = `
import { spawn } from "node:child_process";
import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithThisProcess, startRedis } from "@milepost/redis/testing";
import { test } from "vitest";

test("never ends", async () => {
  const redis = await startRedis();
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  endWithThisProcess(child);
  const folders = [tmpdir(), mkdtempSync(join(tmpdir(), "forgotten-"))];
  const pids = [redis.process.pid, child.pid, process.pid];
  const at = (name) => join(import.meta.dirname, name);
  writeFileSync(at("started.tmp"), JSON.stringify({ pids, folders }));
  renameSync(at("started.tmp"), at("started.json"));
  await new Promise(() => {});
}, 600_000);
`;

beforeAll(async () => {
  await mkdir(join(root, ".test-results"), { recursive: true });
  folder = await mkdtemp(join(root, ".test-results/killed-"));
  const config = { test: { globalSetup: [setup], include: ["*.test.mjs"] } };
  await writeFile(join(folder, "vitest.config.mjs"), `export default ${JSON.stringify(config)};`);
  await writeFile(join(folder, "endless.test.mjs"), endless);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const vitest = join(root, "node_modules/vitest/vitest.mjs");

for (const [what, signal, command, ...args] of [
  ["vitest", "SIGKILL", process.execPath, vitest],
  ["vitest", "SIGTERM", process.execPath, vitest],
  ["vitest", "SIGINT", process.execPath, vitest],
  ["the npm that started it", "SIGKILL", "npx", "vitest"],
] as const) {
  test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
    `a test run leaves no process and no folder behind when ${what} gets ${signal}`,
    async () => {
      const file = join(folder, "started.json");
      await rm(file, { force: true });
      const run = spawn(command, [...args, "run", "--root", folder], {
        cwd: root,
        stdio: "ignore",
      });
      await vi.waitFor(() => expect(existsSync(file)).toBe(true), patience);
      const started = JSON.parse(await readFile(file, "utf8")) as Started;
      expect(started.pids.filter(isAlive)).toEqual(started.pids);
      expect(started.folders.filter(existsSync)).toEqual(started.folders);
      run.kill(signal);
      await vi.waitFor(() => expect(started.pids.filter(isAlive)).toEqual([]), patience);
      await vi.waitFor(() => expect(started.folders.filter(existsSync)).toEqual([]), patience);
    },
  );
}
