import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { endWithThisProcess } from "@milepost/redis/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { secrets, serveGateway } from "./fixtures/served.ts";

const milepost = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const patience = { timeout: 50_000, interval: 20 };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wrapped-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Starts `milepost run` in a process of its own, with a shell script as the command. */
function wrap(url: string, script: string) {
  const child = spawn(process.execPath, [milepost, "run", "--id", "op", "--", "sh", "-c", script], {
    cwd: folder,
    env: { ...process.env, MILEPOST_URL: url, MILEPOST_API_KEY: secrets.apiKey },
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithThisProcess(child);
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  return { child, out: () => out, ended: once(child, "exit") };
}

async function operation(url: string) {
  const response = await fetch(`${url}/v1/operations/op`, {
    headers: { authorization: `Bearer ${secrets.apiKey}` },
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { operation: Record<string, unknown> }).operation;
}

test("[P-RUN-7] a command runs on while its gateway is killed with kill -9, and the gateway that follows has the operation with its end", async () => {
  const first = await serveGateway();
  const { port } = new URL(first.url);
  const { out, ended } = wrap(
    first.url,
    "echo before; while [ ! -e flag ]; do sleep 0.02; done; echo after; exit 4",
  );
  await vi.waitFor(
    async () => expect(await operation(first.url)).toMatchObject({ status: "running" }),
    patience,
  );
  await first.end("SIGKILL");
  await using second = await serveGateway("--port", port);
  await vi.waitFor(
    async () => expect((await operation(second.url)).status).toBe("running"),
    patience,
  );
  await writeFile(join(folder, "flag"), "");
  expect(await ended).toEqual([4, null]);
  expect(out()).toBe("before\nafter\n");
  expect(await operation(second.url)).toMatchObject({
    status: "failed",
    error: { code: "exit_4" },
  });
});

test("[P-RUN-9] the command ends soon after milepost run is killed with kill -9", async () => {
  await using gateway = await serveGateway();
  const { child, out } = wrap(
    gateway.url,
    // The pipes are broken by then, and a shell that writes to one ends before its trap.
    "exec 2> /dev/null; trap 'touch heard; exit' TERM; echo $$; while :; do sleep 0.02; done",
  );
  await vi.waitFor(() => expect(out()).toMatch(/\n$/), patience);
  const pid = Number(out());
  child.kill("SIGKILL");
  await vi.waitFor(() => expect(existsSync(join(folder, "heard"))).toBe(true), patience);
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), patience);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return existsSync(`/proc/${pid}/exe`);
  } catch {
    return false;
  }
}
