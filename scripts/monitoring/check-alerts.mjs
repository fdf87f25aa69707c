// Makes the fault of each alert at real gateways, and waits until a real Prometheus fires it. The rules are those of
// deploy/prometheus with shorter times. Run it with `npm run alerts:check`; it takes about two minutes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openSocket } from "./load.mjs";
import { call, folder, root, startGateway, startPrometheus, startRedis, until } from "./rig.mjs";

const { createClient } = createRequire(
  new URL("../../packages/redis/package.json", import.meta.url),
)("@redis/client");

const rules = readFileSync(`${root}/deploy/prometheus/milepost.rules.yml`, "utf8")
  .replaceAll(/for: \d+m/g, "for: 2s")
  .replaceAll(/\[(5|10|15)m\]/g, "[20s]")
  // A year of estimates cannot be made here: five false ones must be enough.
  .replaceAll("[6h]", "[30s]")
  .replaceAll(">= 200", ">= 5");
const names = [...rules.matchAll(/- alert: (\S+)/g)].map(([, name = ""]) => name);

const redis = await startRedis();
const control = createClient({ url: redis.url });
control.on("error", () => {});
await until("Redis", async () => {
  await control.connect();
  return true;
});
const durable = { maxAttempts: 1, ackWaitMs: 1_000, maxAgeMs: 60_000 };
const open = { subscribe: "authenticated", publish: "authenticated" };
const retention = { maxEntries: 100, maxAgeMs: 3_600_000 };
const settings = {
  redis: redis.url,
  limits: { maxConnections: 10 },
  rules: [
    { pattern: "job:*", ...open, retention, durable },
    { pattern: "state:*", ...open, retention, projection: { name: "latest" } },
  ],
};
const [gateway, other] = [await startGateway(settings), await startGateway(settings)];
const data = await startGateway({
  data: join(folder, "gateway-data"),
  dataMaxBytes: 16 * 1_048_576,
  rules: [{ pattern: "data:*", ...open, retention }],
});
const ports = [gateway, other, data].map(({ metricsPort }) => metricsPort);
const prometheus = await startPrometheus(ports, rules);

/** @returns {Promise<Set<string>>} names of the alerts that fire */
async function firing() {
  const answer = await fetch(`${prometheus}/api/v1/alerts`);
  const { data } = await answer.json();
  /** @type {{ state: string, labels: { alertname: string } }[]} */
  const alerts = data.alerts;
  return new Set(
    alerts.filter(({ state }) => state === "firing").map((alert) => alert.labels.alertname),
  );
}

/** @type {Set<string>} */
const seen = new Set();

/**
 * Makes a fault until its alert fires, then ends it.
 *
 * @param {string} name
 * @param {() => Promise<unknown>} fault called again and again
 * @param {() => Promise<unknown>} [end]
 */
async function provoke(name, fault, end = async () => {}) {
  const from = Date.now();
  if ((await firing()).has(name)) console.log(`${name} fires already`);
  try {
    await until(name, async () => {
      await fault();
      return (await firing()).has(name);
    });
    seen.add(name);
    console.log(`${name} fired after ${((Date.now() - from) / 1_000).toFixed(1)} s`);
  } catch (error) {
    console.error(String(error));
  }
  await end();
}

await pause(3_000);
const before = await firing();
if (before.size > 0) console.error(`fires without a fault: ${[...before].join(", ")}`);

/** @type {import("ws").WebSocket[]} */
const sockets = [];
await provoke(
  "high_connection_count",
  async () => {
    if (sockets.length < 9) sockets.push(await openSocket(gateway.url, `many-${sockets.length}`));
  },
  async () => {
    for (const socket of sockets) socket.terminate();
  },
);

const worker = await openSocket(gateway.url, "worker", [
  { type: "subscribe", id: 1, channel: "job:a", as: "worker" },
]);
worker.on("message", (/** @type {Buffer} */ bytes) => {
  for (const line of String(bytes).split("\n")) {
    const message = JSON.parse(line);
    const { channel, position } = message;
    if (channel === "job:a" && position !== undefined && message.type !== "subscribed") {
      worker.send(JSON.stringify({ type: "nack", channel, position, reason: "broken" }));
    }
  }
});
await provoke("dead_letters_growing", () =>
  call(gateway.url, "POST", "/v1/publish", { channel: "job:a", event: "n", data: 1 }),
);

await provoke("event_loop_delay_high", async () => {
  gateway.child.kill("SIGSTOP");
  await pause(600);
  gateway.child.kill("SIGCONT");
  await pause(100);
});

let lost = 0;
await provoke("operations_lost", async () => {
  if (lost >= 6) return;
  const id = `lost-${lost++}`;
  await call(gateway.url, "POST", "/v1/operations", {
    kind: "lost",
    operation_id: id,
    lease_ms: 1_000,
  });
});

await call(gateway.url, "POST", "/v1/publish", { channel: "state:a", event: "n", data: 1 });
await openSocket(gateway.url, "reader", [{ type: "subscribe", id: 1, channel: "state:a" }]);
await pause(1_500);
await provoke("resets_after_failover", async () => {
  await control.flushAll();
  await call(gateway.url, "POST", "/v1/publish", { channel: "state:a", event: "n", data: 2 });
});

const used = Number(/used_memory:(\d+)/.exec(await control.info("memory"))?.[1]);
await provoke(
  "redis_memory_high",
  () => control.configSet("maxmemory", String(Math.round(used * 1.1))),
  () => control.configSet("maxmemory", "0"),
);

// Of each ten runs nine end at once and one takes long, so that what was said at the start is never true.
let run = 0;
await provoke("estimates_uncalibrated", async () => {
  for (let n = 0; n < 8; n++) {
    const id = `run-${run++}`;
    const { body } = await call(gateway.url, "POST", "/v1/operations", {
      kind: "runs",
      operation_id: id,
    });
    const report = (/** @type {object} */ event) =>
      call(gateway.url, "POST", `/v1/operations/${id}/events`, {
        lease: body.lease.token,
        events: [event],
      });
    await report({ event: "started", data: {} });
    await report({ event: "progress", data: { percent: 25 } });
    await pause(run > 40 ? 600 : 10);
    await report({ event: "progress", data: { percent: 75 } });
    await report({ event: "done", data: {} });
  }
});

await provoke(
  "message_delivery_failure",
  async () => {
    await control.configSet("maxmemory", "1");
    await call(gateway.url, "POST", "/v1/publish", { channel: "state:a", event: "n", data: 3 });
  },
  () => control.configSet("maxmemory", "0"),
);

let filled = 0;
await provoke("data_folder_nearly_full", async () => {
  const publication = { event: "n", data: "x".repeat(40_000) };
  for (let n = 0; n < 20; n++) {
    const channel = `data:${filled++}`;
    await call(data.url, "POST", "/v1/publish", { channel, ...publication });
  }
});

await provoke("instance_unhealthy", async () => {
  other.child.kill("SIGKILL");
});

const missing = names.filter((name) => !seen.has(name));
console.log(`${seen.size} of ${names.length} alerts fired`);
if (missing.length > 0) console.error(`did not fire: ${missing.join(", ")}`);
process.exit(missing.length === 0 && before.size === 0 ? 0 : 1);
