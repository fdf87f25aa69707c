// Puts one fault at a time into a copy of the code and runs the tests that are nearest to it. A fault that no test notices
// is a test that is missing. See scripts/mutate/README.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { lists } from "./mutate/lists.mjs";
import { withFault } from "./mutate/mutant.mjs";
import { endTestRuns, packageOf, packageStage, runStage, stagesOf } from "./mutate/test-run.mjs";
import { createWorkCopy, removeWorkCopy } from "./mutate/work-copy.mjs";

/**
 * @import { Mutant, Near } from "./mutate/mutant.mjs"
 * @typedef {object} Planned
 * @property {string} subject
 * @property {readonly Near[]} near
 * @property {Mutant} mutant
 * @property {number} line
 */

const minNoticedShare = 0.95;
const shortestTimeoutMs = 60_000;
const usage = `npm run mutate -- [--only PATTERN] [--jobs N] [--near] [--json] [--skip-baseline]

  --only PATTERN    only mutants whose subject, file or description matches this regular expression
  --jobs N          mutants that are run at the same time; default 2
  --near            run only the tests of the same name and the same folder, not those of the whole package
  --json            print the result as JSON
  --skip-baseline   do not first run the tests without a fault`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    jobs: { type: "string", default: "2" },
    near: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    "skip-baseline": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const jobs = Number(values.jobs);
if (!Number.isInteger(jobs) || jobs < 1) fail(`--jobs must be a number from 1\n\n${usage}`);
/** @param {string} line */
const say = (line) => (values.json ? console.error(line) : console.log(line));

const pattern = new RegExp(values.only, "i");
/** @type {Planned[]} */
const planned = [];
/** @type {string[]} */
const stale = [];
for (const { subject, near = [], mutants } of lists) {
  for (const mutant of mutants) {
    if (!pattern.test(`${subject} ${mutant.file} ${mutant.why}`)) continue;
    try {
      planned.push({ subject, near, mutant, line: withFault(mutant).line });
    } catch (error) {
      stale.push(error instanceof Error ? error.message : String(error));
    }
  }
}
if (stale.length > 0) fail(stale.join("\n"));
const equivalent = planned.filter(({ mutant }) => mutant.equivalent !== undefined);
const waiting = planned.filter(({ mutant }) => mutant.equivalent === undefined);
if (waiting.length === 0) fail(`no mutant matches ${values.only}`);

/** @type {string[]} */
const copies = [];
const removeCopies = () => {
  for (const copy of copies) removeWorkCopy(copy);
};
process.once("exit", () => {
  endTestRuns();
  removeCopies();
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
for (let i = 0; i < Math.min(jobs, waiting.length); i++) copies.push(createWorkCopy());

const began = performance.now();
/** Longest time that the tests of a package may take with a mutant in it, by the package. */
const timeouts = new Map();
const packages = [...new Set(waiting.map(({ mutant }) => packageOf(mutant.file)))];
if (!values["skip-baseline"]) {
  say(`Without a fault, the tests of ${packages.length} packages:`);
  const left = [...packages];
  await inEachCopy(async (copy) => {
    for (let name = left.shift(); name !== undefined; name = left.shift())
      await baseline(copy, name);
  });
}

/** @type {(Planned & { outcome: string, by: string, seconds: number })[]} */
const results = [];
say(`\n${waiting.length} mutants, ${copies.length} at a time:`);
const left = [...waiting];
await inEachCopy(async (copy) => {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const { outcome, by, ms } = await run(copy, next);
    const seconds = Math.round(ms / 100) / 10;
    results.push({ ...next, outcome, by, seconds });
    const { file, why } = next.mutant;
    const told = outcome === "survived" ? `  ${file}:${next.line}` : `  ${by}`;
    say(
      `${outcome.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s  ${next.subject}: ${why}\n${told}`,
    );
  }
});

report();

/** @param {(copy: string) => Promise<void>} work */
async function inEachCopy(work) {
  await Promise.all(copies.map(work));
}

/**
 * Runs all tests of a package without a fault, a second time if they fail, and stops everything if they fail again.
 *
 * @param {string} copy
 * @param {string} name
 */
async function baseline(copy, name) {
  const stage = packageStage(name, 15 * 60_000);
  let result = await runStage(copy, stage);
  if (result.outcome !== "passed") result = await runStage(copy, stage);
  say(`${result.outcome.padEnd(8)} ${(result.ms / 1000).toFixed(1).padStart(6)} s  ${name}`);
  if (result.outcome !== "passed") fail(`${name} fails without a fault: ${result.by}`);
  timeouts.set(name, Math.max(shortestTimeoutMs, 4 * result.ms));
}

/**
 * @param {string} copy
 * @param {Planned} next
 */
async function run(copy, { mutant, near }) {
  const { file } = mutant;
  const path = join(copy, file);
  const fault = withFault(mutant, copy);
  const original = withFault({ ...mutant, replace: mutant.find }, copy);
  writeFileSync(path, fault.text);
  let ms = 0;
  try {
    const timeoutMs = timeouts.get(packageOf(file)) ?? 10 * shortestTimeoutMs;
    const stages = stagesOf(copy, file, near, timeoutMs);
    for (const stage of values.near && stages.length > 1 ? stages.slice(0, -1) : stages) {
      const result = await runStage(copy, stage);
      ms += result.ms;
      if (result.outcome === "timeout") return { outcome: "timeout", by: result.by, ms };
      if (result.outcome === "failed") return { outcome: "noticed", by: result.by, ms };
    }
    return { outcome: "survived", by: "", ms };
  } finally {
    writeFileSync(path, original.text);
  }
}

function report() {
  const survivors = results.filter(({ outcome }) => outcome === "survived");
  const late = results.filter(({ outcome }) => outcome === "timeout");
  const noticed = results.length - survivors.length;
  const minutes = Math.round((performance.now() - began) / 6_000) / 10;
  const isEnough = noticed >= minNoticedShare * results.length;
  if (values.json) {
    const plain = results.map(({ subject, mutant, line, outcome, by, seconds }) => ({
      ...{ subject, file: mutant.file, line, why: mutant.why, outcome, by, seconds },
    }));
    const skipped = equivalent.map(({ subject, mutant }) => ({ subject, ...mutant }));
    console.log(JSON.stringify({ minutes, noticed, results: plain, equivalent: skipped }, null, 2));
  }
  say("\nsubject        noticed  survived  timeout  equivalent");
  for (const subject of new Set(planned.map((each) => each.subject))) {
    const count = (/** @type {readonly { subject: string }[]} */ list) =>
      list.filter((each) => each.subject === subject).length;
    const columns = [
      count(results) - count(survivors),
      count(survivors),
      count(late),
      count(equivalent),
    ];
    const widths = [7, 8, 7, 10];
    say(
      `${subject.padEnd(13)}  ${columns.map((n, i) => String(n).padStart(widths[i] ?? 0)).join("  ")}`,
    );
  }
  for (const { mutant, line } of survivors) say(`survived: ${mutant.file}:${line}: ${mutant.why}`);
  for (const { mutant } of late) say(`timeout:  ${mutant.file}: ${mutant.why}`);
  for (const { mutant } of equivalent) {
    say(`equivalent: ${mutant.file}: ${mutant.why}: ${mutant.equivalent}`);
  }
  const share = ((100 * noticed) / results.length).toFixed(1);
  say(`${noticed} of ${results.length} noticed (${share} %), in ${minutes} minutes`);
  process.exit(isEnough ? 0 : 1);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(2);
}
