import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { programEnvironment } from "../programs.mjs";

/** @import { Near } from "./mutant.mjs" */

const vitestPath = join(
  dirname(createRequire(import.meta.url).resolve("vitest/package.json")),
  "vitest.mjs",
);
const fastProjects = ["--project", "unit", "--project", "react"];
const allProjects = [...fastProjects, "--project", "slow"];

/** A busy machine makes a test slow. It must not look as if the test had noticed something. */
const testTimeoutMs = 20_000;

/** @type {Set<number>} */
const groups = new Set();

/** Ends every test run that is under way, with the processes that its tests have started. */
export function endTestRuns() {
  for (const group of groups) endGroup(group);
}

/** @param {number} group */
function endGroup(group) {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/**
 * One call of vitest: its arguments, and the longest time it may take.
 *
 * @typedef {object} Stage
 * @property {string} key
 * @property {string[]} args
 * @property {number} timeoutMs
 */

/** @param {string} file */
export function packageOf(file) {
  return file.split("/").slice(0, 2).join("/");
}

/**
 * All tests of a package.
 *
 * @param {string} name its folder
 * @param {number} timeoutMs
 * @returns {Stage}
 */
export function packageStage(name, timeoutMs) {
  return { key: `${name}/`, args: [...allProjects, "--no-isolate", `${name}/`], timeoutMs };
}

/**
 * The tests for a mutant of this file, the nearest first: those of the list, the test of the same name, the tests of the
 * folder, and those of the package.
 *
 * @param {string} folder root of the tree
 * @param {string} file
 * @param {readonly Near[]} near
 * @param {number} timeoutMs
 * @returns {Stage[]}
 */
export function stagesOf(folder, file, near, timeoutMs) {
  /** @type {Stage[]} */
  const stages = near.map(({ file: test, title }) => ({
    key: `${test} ${title ?? ""}`,
    args: [...allProjects, ...(title === undefined ? [] : ["-t", title]), test],
    timeoutMs,
  }));
  const place = dirname(file);
  const own = file.replace(/\.(tsx?)$/, ".test.$1");
  if (own !== file && existsSync(join(folder, own))) {
    stages.push({ key: own, args: [...allProjects, own], timeoutMs });
  }
  const neighbours = readdirSync(join(folder, place)).filter((name) => /\.test\.tsx?$/.test(name));
  if (place !== `${packageOf(file)}/src` && neighbours.length > 0) {
    stages.push({
      key: `${place}/`,
      args: [...fastProjects, "--no-isolate", `${place}/`],
      timeoutMs,
    });
  }
  return [...stages, packageStage(packageOf(file), timeoutMs)];
}

/**
 * Runs the tests of a stage, up to the first that fails. `by` names that test.
 *
 * @param {string} folder root of the tree
 * @param {Stage} stage
 * @returns {Promise<{ outcome: "passed" | "failed" | "timeout", by: string, ms: number }>}
 */
export async function runStage(folder, { args, timeoutMs }) {
  const results = join(folder, ".test-results", "mutate.json");
  rmSync(results, { force: true });
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [
      vitestPath,
      "run",
      ...["--bail=1", "--maxWorkers=1", `--testTimeout=${testTimeoutMs}`],
      "--experimental.fsModuleCache",
      ...["--reporter=json", `--outputFile.json=${results}`],
      ...args,
    ],
    {
      cwd: folder,
      // A group of its own, so that what the tests start ends with them.
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...programEnvironment() },
    },
  );
  const group = child.pid ?? 0;
  groups.add(group);
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors = (errors + String(chunk)).slice(-4_000);
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endGroup(group);
  }, timeoutMs);
  /** @type {number | null} */
  const code = await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(timer);
  endGroup(group);
  groups.delete(group);
  const ms = Math.round(performance.now() - began);
  if (isLate) return { outcome: "timeout", by: `no end within ${timeoutMs / 1000} s`, ms };
  if (code === 0) return { outcome: "passed", by: "", ms };
  const { title, message } = firstFailure(results) ?? {
    title: errors.trim().slice(0, 300),
    message: "",
  };
  const isTimeout = /^(Error: )?(Test|Hook) timed out/.test(message);
  return { outcome: isTimeout ? "timeout" : "failed", by: title, ms };
}

/**
 * Returns the first failure of the results: the title of its test, or the file that could not be loaded, and its message.
 *
 * @param {string} path
 */
function firstFailure(path) {
  try {
    /** @type {{ testResults: { name: string, message: string, status: string, assertionResults: { status: string, title: string, failureMessages: string[] }[] }[] }} */
    const { testResults } = JSON.parse(readFileSync(path, "utf8"));
    for (const { assertionResults } of testResults) {
      const failed = assertionResults.find(({ status }) => status === "failed");
      if (failed === undefined) continue;
      return { title: failed.title, message: failed.failureMessages[0] ?? "" };
    }
    const broken = testResults.find(({ status }) => status === "failed");
    if (broken === undefined) return undefined;
    return { title: `${broken.name}: ${broken.message.split("\n")[0]}`, message: broken.message };
  } catch {
    return undefined;
  }
}
