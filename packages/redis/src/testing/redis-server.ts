import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aclOptions, aclUser } from "./acl.ts";
import { endWithThisProcess, removeWithThisProcess } from "./watchdog.ts";

/** A real redis-server on a free port with a directory of its own. */
export interface RedisServer extends AsyncDisposable {
  /** Address with the credential of the documented user, who may use only keys below `milepost:`. */
  readonly url: string;
  /** Address of the user who may do everything. */
  readonly adminUrl: string;
  readonly port: number;
  readonly process: ChildProcess;
}

/** Returns a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/**
 * Starts redis-server without persistence, or a Sentinel with the given file. Resolves once it accepts
 * connections.
 */
export async function startRedis(
  options: readonly string[] = [],
  port?: number,
  sentinelFile?: string,
): Promise<RedisServer> {
  port ??= await freePort();
  const folder = await mkdtemp(join(tmpdir(), "milepost-redis-"));
  const forgetFolder = removeWithThisProcess(folder);
  const command = process.env.MILEPOST_REDIS_SERVER ?? "redis-server";
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  // By default a master waits 5 s for more replicas before it sends the first one its data.
  const replicas = ["--repl-diskless-sync-delay", "0"];
  const kept = ["--save", "", "--appendonly", "no", ...replicas, ...aclOptions(), ...options];
  const args =
    sentinelFile === undefined ? [...place, ...kept] : [sentinelFile, ...place, "--sentinel"];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithThisProcess(child);
  for await (const chunk of child.stdout ?? []) {
    if (/Ready to accept connections|\+monitor master/.test(String(chunk))) break;
  }
  child.stdout?.resume();
  return {
    url: `redis://${aclUser.name}:${aclUser.password}@127.0.0.1:${port}`,
    adminUrl: `redis://127.0.0.1:${port}`,
    port,
    process: child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(folder, { recursive: true, force: true });
      forgetFolder();
    },
  };
}
