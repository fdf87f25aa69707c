#!/usr/bin/env node
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithParents } from "@milepost/redis/testing";
import { faults } from "./fault.ts";
import { mutants } from "./mutants/mutants.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { tableOf } from "./report.ts";
import { runRound, type Verdict } from "./round.ts";

const print = (line: string) => void process.stdout.write(`${line}\n`);

endWithParents();
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const options = readOptions(process.argv.slice(2));
if (options === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
process.exit((await (options.mutants ? findMutants(options) : run(options))) ? 0 : 1);

/** Runs the faults and resolves with true when no round failed. */
async function run({ faults, rounds, seed }: Options): Promise<boolean> {
  const verdicts: Verdict[] = [];
  for (const fault of faults) {
    for (let i = 0; i < rounds; i++) {
      const verdict = await runRound(fault, seed + i);
      verdicts.push(verdict);
      print(lineOf(verdict));
      if (isBad(verdict)) await keep(verdict);
    }
  }
  print(tableOf(verdicts));
  return !verdicts.some(isBad);
}

/** Resolves with true when every mutant is found within the given number of rounds. */
async function findMutants({ rounds, seed }: Options): Promise<boolean> {
  let areFound = true;
  for (const { name, says, shownBy } of mutants) {
    const fault = faults.find((one) => one.name === shownBy);
    if (fault === undefined)
      throw new Error(`the mutant ${name} names an unknown fault in shownBy`);
    let found: Verdict | undefined;
    for (let i = 0; i < rounds && found === undefined; i++) {
      const verdict = await runRound(fault, seed + i, name);
      if (isBad(verdict)) found = verdict;
    }
    areFound &&= found !== undefined;
    const [first] = found?.violations ?? [];
    const how =
      first === undefined ? "some readers never reached the head" : `${first.id}: ${first.says}`;
    print(`${name} (${says}): ${found === undefined ? "NOT FOUND" : `found, ${how}`}`);
  }
  return areFound;
}

function lineOf({ fault, seed, toHeadMs, violations, stored, gaps, resets }: Verdict): string {
  const head =
    toHeadMs === undefined ? "never at the head" : `at the head in ${toHeadMs.toFixed(0)} ms`;
  return `${fault} ${seed}: ${stored} stored, ${gaps} gaps, ${resets} resets, ${head}, ${violations.length} violations`;
}

function isBad({ violations, toHeadMs }: Verdict): boolean {
  return violations.length > 0 || toHeadMs === undefined;
}

/** Prints a failed round's first violations, writes its journal to a temporary file and prints the path. */
async function keep({ fault, seed, violations, records }: Verdict): Promise<void> {
  for (const { id, says, line, t } of violations.slice(0, 5)) {
    print(`  ${id} line ${line}, ${t} ms: ${says}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "milepost-journal-"));
  const path = join(folder, `${fault}-${seed}.ndjson`);
  await writeFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  print(`  ${path}`);
}
