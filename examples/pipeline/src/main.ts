import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Processes } from "./processes.ts";
import { readSettings, type Settings } from "./settings.ts";

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function settings(): Settings {
  try {
    return readSettings(process.env, process.argv.slice(2));
  } catch (error) {
    return fail((error as Error).message);
  }
}

const given = settings();
const processes = new Processes();
const names: string[] = [];
let folder: string | undefined;

/** Starts redis-server with an append-only file, so that nothing is lost when it is killed. */
async function startRedis(): Promise<string> {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
  folder = await mkdtemp(join(tmpdir(), "milepost-pipeline-"));
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  const kept = ["--appendonly", "yes", "--appendfsync", "always"];
  await processes.start("redis", given.redisServer, [...place, ...kept], "Ready to accept");
  names.unshift("redis");
  return `redis://127.0.0.1:${port}`;
}

const redisUrl =
  given.redisUrl ??
  (await startRedis().catch((error: NodeJS.ErrnoException) =>
    fail(
      error.code === "ENOENT"
        ? "The pipeline needs Redis, and redis-server is missing. Install it, or set REDIS_URL."
        : error.message,
    ),
  ));
const url = `http://${given.host}:${given.port}`;
const env = {
  PORT: String(given.port),
  HOST: given.host,
  REDIS_URL: redisUrl,
  GATEWAY_URL: url,
  PACE_MS: String(given.paceMs),
  LOCK_MS: String(given.lockMs),
  MILEPOST_TOKEN_SECRET: given.tokenSecret,
  MILEPOST_API_KEY: given.apiKey,
};
const program = (name: string) => [fileURLToPath(new URL(`${name}.js`, import.meta.url))];
const node = process.execPath;
await processes.start("gateway", node, program("server"), "ready", env);
names.unshift("gateway");
for (let n = 1; n <= given.workers; n++) {
  await processes.start(`worker-${n}`, node, program("worker"), "ready", env);
  names.unshift(`worker-${n}`);
}
console.log(`The pipeline is at ${url}

  ${given.workers} workers, Redis at ${redisUrl}
  Stop with Ctrl-C.`);

let isStopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (isStopping) process.exit(1);
    isStopping = true;
    processes
      .close(names)
      .then(() => (folder === undefined ? undefined : rm(folder, { recursive: true, force: true })))
      .then(
        () => process.exit(0),
        (error: unknown) => fail(String(error)),
      );
  });
}
