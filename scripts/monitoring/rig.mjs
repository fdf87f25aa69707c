// What the checks of dashboards and alerts share: a real Redis, gateways, a Prometheus, and calls to them. Everything
// listens on loopback and ends with this process.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { programEnvironment } from "../programs.mjs";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const apiKey = "k".repeat(48);
export const tokenSecret = "t".repeat(48);
export const folder = mkdtempSync(join(tmpdir(), "milepost-monitoring-"));

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Starts a program; its output goes nowhere unless MILEPOST_VERBOSE is set.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Record<string, string>} [env]
 */
export function start(command, args, env = {}) {
  const output = process.env.MILEPOST_VERBOSE === undefined ? "ignore" : "inherit";
  const child = spawn(command, [...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", output, output],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/**
 * Waits until `read` returns a value that is not undefined or false; throws what it was waiting for when time is over.
 *
 * @template T
 * @param {string} what
 * @param {() => Promise<T | undefined | false>} read
 * @param {number} [withinMs]
 */
export async function until(what, read, withinMs = 60_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const value = await read().catch(() => undefined);
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(200);
  }
}

/** Starts Redis without persistence. */
export async function startRedis() {
  const command = programEnvironment().MILEPOST_REDIS_SERVER;
  if (command === undefined)
    throw new Error("redis-server is missing: apt-get install redis-server");
  const port = await freePort();
  const child = start(command, ["--port", String(port), "--save", "", "--dir", folder]);
  return { port, url: `redis://127.0.0.1:${port}`, child };
}

/**
 * Starts a gateway with these settings and waits until it serves.
 *
 * @param {object} settings
 * @param {Record<string, string>} [env]
 */
export async function startGateway(settings, env = {}) {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const file = join(folder, `gateway-${port}.json`);
  writeFileSync(file, JSON.stringify(settings));
  const main = join(root, "packages/cli/dist/main.js");
  const flags = ["--port", String(port), "--metrics-port", String(metricsPort), "--config", file];
  const child = start(process.execPath, [main, "serve", ...flags], {
    NODE_ENV: "production",
    MILEPOST_TOKEN_SECRET: tokenSecret,
    MILEPOST_API_KEY: apiKey,
    ...env,
  });
  const url = `http://127.0.0.1:${port}`;
  await until("the gateway", async () => (await fetch(`${url}/readyz`)).ok);
  return { url, metricsPort, child };
}

/**
 * Calls the HTTP API with the API key.
 *
 * @param {string} url
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
export async function call(url, method, path, body) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

/**
 * Starts Prometheus, which scrapes the ports every second, and returns its URL.
 *
 * @param {readonly number[]} ports
 * @param {string} [rules] content of a file of rules
 */
export async function startPrometheus(ports, rules) {
  const port = await freePort();
  const file = join(folder, "prometheus.yml");
  const targets = ports.map((each) => `"127.0.0.1:${each}"`).join(", ");
  if (rules !== undefined) writeFileSync(join(folder, "rules.yml"), rules);
  writeFileSync(
    file,
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
${rules === undefined ? "" : "rule_files: [rules.yml]\n"}scrape_configs:
  - { job_name: milepost, static_configs: [{ targets: [${targets}] }] }
`,
  );
  const data = join(folder, "data");
  start("prometheus", [
    `--config.file=${file}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const url = `http://127.0.0.1:${port}`;
  await until("Prometheus", async () => (await fetch(`${url}/-/ready`)).ok);
  return url;
}
