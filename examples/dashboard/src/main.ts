import cluster from "node:cluster";
import { fileURLToPath } from "node:url";
import { inspectRedis } from "@milepost/redis";
import { startDashboard } from "./dashboard.ts";
import { readSettings, SettingError, type Settings } from "./settings.ts";

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function settings(): Settings {
  try {
    return readSettings(process.env, process.argv.slice(2));
  } catch (error) {
    if (error instanceof SettingError) fail(error.message);
    throw error;
  }
}

async function greet({ warnings, redis, host, port, workers }: Settings): Promise<void> {
  const servers = redis === "" ? [] : await inspectRedis(redis);
  const ofRedis = servers.flatMap((at) =>
    at.warnings.map((text) => `Redis at ${at.server} ${text}`),
  );
  for (const warning of [...warnings, ...ofRedis]) console.warn(`! ${warning}`);
  console.log(`The dashboard: http://${host}:${port}/  (${workers} ${workers === 1 ? "process" : "workers"})

  POST /tasks/{id}/broadcast-update      {"status": "completed", "progress": 100}
  POST /users/{id}/send-notification     {"message": "Your report is ready", "type": "success"}
  POST /calendar/events/create           {"title": "Review", "start_time": "2026-12-01T09:00:00Z"}

Stop with Ctrl-C.`);
}

const own = settings();
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

if (cluster.isPrimary && own.workers > 1) {
  await greet(own).catch((error: unknown) => fail(String(error)));
  for (let n = 0; n < own.workers; n++) cluster.fork({ DASHBOARD_WORKER: String(n) });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGTERM");
    });
  }
} else {
  if (cluster.isPrimary) await greet(own).catch((error: unknown) => fail(String(error)));
  const simulates =
    (process.env.DASHBOARD_WORKER ?? "0") === "0" && process.env.DASHBOARD_QUIET !== "1";
  const dashboard = await startDashboard(own, at("../plain"), { simulates }).catch(
    (error: NodeJS.ErrnoException) =>
      fail(
        error.code === "EADDRINUSE"
          ? `Port ${own.port} is in use. Choose another one: npm start -w examples/dashboard -- --port 8788`
          : String(error),
      ),
  );
  const stop = () => void dashboard.close().then(() => process.exit(0));
  process.on("SIGTERM", stop);
  process.on("SIGINT", cluster.isPrimary ? stop : () => {});
}
