import { join } from "node:path";
import { describeMissing, installMissingPrograms } from "./programs.mjs";
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

for (const program of missing) console.log(`SKIPPED: ${describeMissing(program)}`);
if (counts) {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
} else {
  console.log("vitest ended without writing results to .test-results/vitest.json");
}
process.exitCode = status;
