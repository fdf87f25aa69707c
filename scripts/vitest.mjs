import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { programEnvironment } from "./programs.mjs";
import { root } from "./workspaces.mjs";

const require = createRequire(import.meta.url);
const vitestPath = join(dirname(require.resolve("vitest/package.json")), "vitest.mjs");
const resultsPath = join(root, ".test-results/vitest.json");

/**
 * @typedef {object} Results
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ status: string, assertionResults: { status: string }[] }[]} testResults
 */

/**
 * Runs a Node script in the root folder and returns its exit status.
 *
 * @param {string} script
 * @param {string[]} args
 */
export function runScript(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...programEnvironment() },
  });
  return status ?? 1;
}

/**
 * Runs vitest once. `counts` is undefined when it ended without results.
 *
 * @param {string[]} args
 */
export function runVitest(...args) {
  rmSync(resultsPath, { force: true });
  mkdirSync(dirname(resultsPath), { recursive: true });
  const status = runScript(
    vitestPath,
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${resultsPath}`,
    ...args,
  );
  const counts = readCounts();
  return { status: status === 0 && !counts ? 1 : status, counts };
}

/** Counts tests; a file that could not even be loaded counts as one failure. */
function readCounts() {
  try {
    /** @type {Results} */
    const results = JSON.parse(readFileSync(resultsPath, "utf8"));
    const brokenFiles = results.testResults.filter(
      ({ status, assertionResults }) =>
        status === "failed" && !assertionResults.some((test) => test.status === "failed"),
    ).length;
    return {
      passed: results.numPassedTests,
      failed: results.numFailedTests + brokenFiles,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    return undefined;
  }
}
