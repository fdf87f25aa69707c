import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMissing, installMissingPrograms, programEnvironment } from "./programs.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const resultsPath = join(root, ".test-results/vitest.json");

/**
 * @param {string} script
 * @param {string[]} args
 */
function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...programEnvironment() },
  });
  return status ?? 1;
}

/**
 * Counts tests; a file that could not be loaded counts as one failure. Returns undefined when there are no
 * results.
 */
function readResults() {
  try {
    /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, testResults: { status: string, assertionResults: { status: string }[] }[] }} */
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

const missing = installMissingPrograms();
if (missing.length > 0 && process.env.CI === "true") {
  for (const program of missing) console.error(describeMissing(program));
  process.exit(1);
}

const buildStatus = run(join(root, "scripts/build.mjs"));
if (buildStatus !== 0) process.exit(buildStatus);

rmSync(resultsPath, { force: true });
mkdirSync(dirname(resultsPath), { recursive: true });
const status = run(
  join(dirname(require.resolve("vitest/package.json")), "vitest.mjs"),
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${resultsPath}`,
  ...process.argv.slice(2),
);

for (const program of missing) console.log(`SKIPPED: ${describeMissing(program)}`);
const results = readResults();
if (results) {
  const skipped = results.skipped > 0 ? `, ${results.skipped} skipped` : "";
  console.log(`${results.passed} passed, ${results.failed} failed${skipped}`);
} else {
  console.log("vitest ended without writing results to .test-results/vitest.json");
}
process.exitCode = status === 0 && !results ? 1 : status;
