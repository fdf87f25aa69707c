// Sends the spans of two gateways over one Redis to a real OpenTelemetry Collector, as docs/protocol/traces.md says, and
// checks what the collector received. It builds the collector with Go and installs the SDK from the registry, so it runs by
// hand: `npm run traces:check`. The first run takes some minutes.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSocket } from "./load.mjs";
import { call, freePort, root, startGateway, startRedis, until } from "./rig.mjs";

const folder = join(root, ".test-results/traces");
const sources = fileURLToPath(new URL("./collector", import.meta.url));
const page = readFileSync(join(root, "docs/protocol/traces.md"), "utf8");
const packages = /^npm install (.+)$/m.exec(page)?.[1]?.split(" ") ?? [];
const telemetry = /```js\n(\/\/ telemetry\.mjs\n[^`]+)```/.exec(page)?.[1] ?? "";

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(command, args) {
  const { status } = spawnSync(command, [...args], { cwd: folder, stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed in ${folder}`);
}

/** Builds the collector and installs the packages of the page, unless that is done. */
function prepare() {
  mkdirSync(folder, { recursive: true });
  cpSync(sources, folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private": true, "type": "module"}\n');
  writeFileSync(join(folder, "telemetry.mjs"), telemetry);
  if (!existsSync(join(folder, "collector"))) {
    run("go", ["mod", "tidy"]);
    run("go", ["build", "-o", "collector", "."]);
  }
  if (!existsSync(join(folder, "node_modules"))) {
    run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages]);
  }
}

/**
 * Starts the collector. Returns its address, and a function that reads the spans that it has received.
 */
async function startCollector() {
  const port = await freePort();
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { debug: { verbosity: "detailed" } },
    service: {
      pipelines: { traces: { receivers: ["otlp"], exporters: ["debug"] } },
      telemetry: { metrics: { level: "none" } },
    },
  };
  const child = spawn(join(folder, "collector"), ["--config", `yaml:${JSON.stringify(config)}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  process.on("exit", () => child.kill("SIGKILL"));
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const url = `http://127.0.0.1:${port}`;
  await until("the collector", async () => (await fetch(url)).status > 0);
  return { url, spans: () => readSpans(output) };
}

/** @typedef {{ name: string, gateway: string, trace: string, id: string, parent: string, attributes: string, links: readonly string[] }} Received */

/**
 * Reads the spans of the collector's debug exporter.
 *
 * @param {string} output
 * @returns {readonly Received[]}
 */
function readSpans(output) {
  return output.split("ResourceSpans #").flatMap((resource) => {
    const gateway = /-> service\.instance\.id: Str\((.+?)\)/.exec(resource)?.[1] ?? "";
    return resource
      .split(/^Span #\d+$/m)
      .slice(1)
      .map((text) => {
        const field = (/** @type {string} */ name) =>
          new RegExp(`^    ${name} +: (.*)$`, "m").exec(text)?.[1] ?? "";
        return {
          name: field("Name"),
          gateway,
          trace: field("Trace ID"),
          id: field("ID"),
          parent: field("Parent ID"),
          attributes: text,
          links: [...text.matchAll(/-> Trace ID: (\w+)/g)].map(([, id = ""]) => id),
        };
      });
  });
}

prepare();
const collector = await startCollector();
const redis = await startRedis();
const settings = { redis: redis.url, tracing: true };
/** @param {string} name */
const traced = (name) =>
  startGateway(settings, {
    NODE_OPTIONS: `--import ${join(folder, "telemetry.mjs")}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_RESOURCE_ATTRIBUTES: `service.instance.id=${name}`,
    OTEL_BSP_SCHEDULE_DELAY: "200",
  });
const [first, second] = [await traced("first"), await traced("second")];

const trace = "0af7651916cd43dd8448eb211c80319c";
const publisher = "b7ad6b7169203331";
const subscribe = { type: "subscribe", id: 1, channel: "chat:1" };
const reader = await openSocket(second.url, "ada", [subscribe]);
await new Promise((resolve) =>
  reader.on("message", (/** @type {unknown} */ data) => {
    if (String(data).includes('"reply"')) resolve(undefined);
  }),
);
const publish = await fetch(`${first.url}/v1/publish`, {
  method: "POST",
  headers: {
    authorization: `Bearer ${"k".repeat(48)}`,
    "content-type": "application/json",
    traceparent: `00-${trace}-${publisher}-01`,
  },
  body: JSON.stringify({ channel: "chat:1", event: "message", data: "hello" }),
});
if (!publish.ok) throw new Error(`the publish was answered with ${publish.status}`);
const late = await openSocket(second.url, "bo", [{ ...subscribe, since: "start" }]);
await call(first.url, "POST", "/v1/operations", {
  kind: "load",
  operation_id: "op-1",
  user_id: "ada",
});
await call(first.url, "POST", "/v1/operations/op-1/commands", { command: "cancel" });

/** @type {readonly [string, (span: Received, all: readonly Received[]) => boolean][]} */
const wanted = [
  [
    "a publish at the first gateway, below the publisher's span",
    (span) =>
      span.name === "milepost.publish" &&
      span.gateway === "first" &&
      span.trace === trace &&
      span.parent === publisher,
  ],
  [
    "its append, below the publish",
    (span, all) =>
      span.name === "milepost.append" &&
      all.some(({ name, id }) => name === "milepost.publish" && id === span.parent) &&
      span.trace === trace,
  ],
  [
    "its delivery at the second gateway, below the publish",
    (span, all) =>
      span.name === "milepost.deliver" &&
      span.gateway === "second" &&
      span.trace === trace &&
      all.some(({ name, id }) => name === "milepost.publish" && id === span.parent),
  ],
  [
    "a replay at the second gateway, a trace of its own that links to the publish",
    (span) =>
      span.name === "milepost.deliver" &&
      span.gateway === "second" &&
      span.trace !== trace &&
      span.links.includes(trace),
  ],
  ["a command", (span) => span.name === "milepost.command" && span.attributes.includes("op-1")],
];
for (const [what, is] of wanted) {
  const span = await until(what, async () => {
    const all = collector.spans();
    return all.find((one) => is(one, all));
  });
  console.log(`received ${span.name} of ${span.gateway}, trace ${span.trace}: ${what}`);
}
reader.close();
late.close();
process.exit(0);
