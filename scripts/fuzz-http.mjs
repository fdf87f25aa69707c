// Fuzzes the HTTP API by its OpenAPI document with Schemathesis, as a backend and as a user; run it with
// `npm run fuzz:http`. It installs Schemathesis into a virtual environment of its own.
// The rule of docs/security.md: "an answer with 5xx fails the run".
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./workspaces.mjs";

const version = "4.32.5";
const folder = join(root, "node_modules/.cache/schemathesis");
const program = join(folder, version, "bin/schemathesis");

const { values } = parseArgs({
  options: {
    examples: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
  },
});

/**
 * @param {string} command
 * @param {string[]} args
 */
function mustRun(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
  console.error(
    `Schemathesis ${version} cannot be installed; it needs python3 with venv (apt-get install python3-venv) and PyPI`,
  );
  process.exit(1);
}

function install() {
  if (existsSync(program)) return;
  mkdirSync(folder, { recursive: true });
  const environment = join(folder, version);
  mustRun("python3", ["-m", "venv", environment]);
  mustRun(join(environment, "bin/pip"), ["install", "--quiet", `schemathesis==${version}`]);
}

/** Starts a gateway that offers every feature. Its streams end soon, so that a request for one has an end. */
async function startGateway() {
  const { createGateway } = await import("../packages/server/dist/index.js");
  const key = "the-api-key-of-the-fuzzer";
  /** @type {string[]} */
  const errors = [];
  const gateway = createGateway({
    auth: {
      tokenSecret: "the token secret of a gateway that is fuzzed",
      apiKeys: [{ name: "fuzz", key }],
    },
    rules: [
      {
        pattern: "*",
        subscribe: "granted",
        publish: "granted",
        presence: "members",
        retention: { maxEntries: 100, maxAgeMs: 60_000 },
      },
    ],
    sessions: {},
    // A stream looks at its age with each ping.
    sseMaxLifetimeMs: 200,
    limits: { pingIntervalMs: 100, idleTimeoutMs: 5_000 },
    log: {
      info() {},
      warn() {},
      error: (/** @type {Record<string, unknown>} */ fields, /** @type {string} */ message) => {
        const { err } = fields;
        errors.push(`${message}: ${err instanceof Error ? err.stack : JSON.stringify(fields)}`);
      },
    },
  });
  const { port } = await gateway.listen({ port: 0 });
  const user = await gateway.mintToken({
    user: "7",
    ttlMs: 86_400_000,
    channels: { subscribe: ["*"], publish: ["*"] },
  });
  return { gateway, url: `http://127.0.0.1:${port}`, credentials: { key, user }, errors };
}

/**
 * Runs Schemathesis in a process beside this one, which serves its requests.
 *
 * @param {string[]} args
 * @returns {Promise<number>}
 */
function schemathesis(args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
    child.on("close", (code) => resolve(code ?? 1));
  });
}

install();
const config = join(folder, "schemathesis.toml");
// A request that waits for something to happen would take a minute.
writeFileSync(config, '[parameters]\n"query.wait" = 0\n');
const { gateway, url, credentials, errors } = await startGateway();
/**
 * Fuzzes some of the endpoints with a credential. Returns false if an answer was 5xx.
 *
 * @param {string} credential
 * @param {string[]} which
 */
async function fuzz(credential, ...which) {
  const status = await schemathesis([
    ...["--config-file", config, "run", `${url}/openapi.json`, ...which],
    ...["--header", `Authorization: Bearer ${credential}`, "--checks", "not_a_server_error"],
    ...["--max-examples", values.examples, "--seed", values.seed],
    ...["--phases", "coverage,fuzzing", "--workers", "2", "--request-timeout", "20"],
    ...["--suppress-health-check", "all", "--warnings", "off"],
  ]);
  return status === 0;
}

let failed = false;
for (const [name, credential] of Object.entries(credentials)) {
  console.log(`as ${name === "key" ? "a backend with an API key" : "a user with a token"}:`);
  // A gateway that drains answers 503 by design, so that endpoint comes last.
  if (!(await fuzz(credential, "--exclude-path", "/v1/drain"))) failed = true;
}
console.log("the endpoint that drains the gateway:");
if (!(await fuzz(credentials.key, "--include-path", "/v1/drain"))) failed = true;
await gateway.close();
for (const error of errors) console.error(`the gateway logged an error: ${error}`);
process.exit(failed || errors.length > 0 ? 1 : 0);
