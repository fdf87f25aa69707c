// The quick loop: fast unit, react and type tests of what has changed, of the packages named on the command line, or,
// where nothing is named or changed, of everything. `npm test` runs every test.
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { basename, relative } from "node:path";
import { compiler } from "./compiler.mjs";
import { slowTests } from "./test-files.mjs";
import { runScript, runVitest } from "./vitest.mjs";
import { root, workspaces } from "./workspaces.mjs";

const workers = Math.max(2, availableParallelism() - 1);
// Files share their worker's modules, which saves most of the time: it goes into importing the same ones again and again.
const fastProjects = [
  ...["--project", "unit", "--project", "react"],
  ...["--no-isolate", `--maxWorkers=${workers}`],
];
// Imports do not lead to these from what has changed, so they are never chosen by it.
const otherProjects = ["--project", "types", "--project", "documents"];
const total = { passed: 0, failed: 0, skipped: 0 };
let brokenRuns = 0;

const named = process.argv.slice(2).map(folderOf);
const base = named.length > 0 ? undefined : changedSince();

step(1, "Build, as the type tests need it");
if (runScript(compiler, "-b", "tsconfig.build.json") !== 0) {
  console.log("0 passed, 0 failed: the build failed, so no test ran");
  process.exit(1);
}

if (named.length > 0) {
  step(2, `Fast tests of ${named.join(", ")}`);
  test(...fastProjects, ...named);
  step(3, `Type and document tests of ${named.join(", ")}`);
  test(...otherProjects, ...named);
} else {
  step(
    2,
    base === undefined
      ? "All fast tests, as nothing has changed"
      : `Fast tests of what has changed since ${base}, uncommitted changes included`,
  );
  test(...fastProjects, ...(base === undefined ? [] : ["--changed", base]));
  step(3, "Type and document tests");
  test(...otherProjects);
}

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
const broken = brokenRuns > 0 ? ` (${brokenRuns} runs ended without results)` : "";
console.log(
  `${total.passed} passed, ${total.failed} failed${skipped}${broken}; left out: ${slowTests.length} slow files ` +
    "(npx vitest run --project slow) and the end-to-end tests; npm test runs everything",
);

/** @param {string[]} args */
function test(...args) {
  const { status, counts } = runVitest("--passWithNoTests", ...args);
  if (status !== 0) process.exitCode = 1;
  if (counts === undefined) {
    brokenRuns += 1;
    return;
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

/**
 * @param {number} n
 * @param {string} what
 */
function step(n, what) {
  console.log(`\n[${n}/3] ${what}`);
}

/**
 * The folder of a workspace, with a slash at its end so that it is no prefix of another's.
 *
 * @param {string} name the name of its package, or its folder with or without `packages/`
 */
function folderOf(name) {
  const given = name.replace(/\/$/, "");
  for (const { folder, manifest } of workspaces()) {
    const path = relative(root, folder);
    if ([manifest.name, path, basename(path)].includes(given)) return `${path}/`;
  }
  const known = workspaces().map(({ folder }) => basename(folder));
  console.error(`unknown package: ${name}; the packages are ${known.join(", ")}`);
  process.exit(1);
}

/**
 * The commit or branch to compare with: `origin/main` or `main` where commits were added to it, `HEAD` where only
 * uncommitted files differ. Undefined where nothing has changed or this is no git repository.
 */
function changedSince() {
  const main = ["origin/main", "main"].find(
    (branch) => git("rev-parse", "--verify", "--quiet", branch) !== undefined,
  );
  if (main !== undefined && git("diff", "--name-only", `${main}...HEAD`)) return main;
  return git("status", "--porcelain") ? "HEAD" : undefined;
}

/** @param {string[]} args */
function git(...args) {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
