import { join } from "node:path";
import { describeMissing, installMissingPrograms } from "./programs.mjs";
import { testPython } from "./test-python.mjs";
import { runScript, runVitest } from "./vitest.mjs";
import { root } from "./workspaces.mjs";

const missing = installMissingPrograms();
if (missing.length > 0 && process.env.CI === "true") {
  for (const program of missing) console.error(describeMissing(program));
  process.exit(1);
}

const buildStatus = runScript(join(root, "scripts/build.mjs"));
if (buildStatus !== 0) process.exit(buildStatus);

const { status, counts } = runVitest(...process.argv.slice(2));

// Tests that somebody chose by name are those of vitest.
const python = process.argv.length > 2 ? { status: 0 } : testPython();
const isCi = process.env.CI === "true";
if (python.missing !== undefined) console.log(`${isCi ? "FAILED" : "SKIPPED"}: ${python.missing}`);
else if (process.argv.length <= 2)
  console.log(`Python: ${python.status === 0 ? "passed" : "failed"}`);

for (const program of missing) console.log(`SKIPPED: ${describeMissing(program)}`);
if (counts) {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
} else {
  console.log("vitest ended without writing results to .test-results/vitest.json");
}
process.exitCode =
  status !== 0 || (isCi && python.missing !== undefined) ? status || 1 : python.status;
