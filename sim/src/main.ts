#!/usr/bin/env node
import { mkdtempSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { judgeSeed, type Verdict } from "./judge.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { mutants } from "./mutants/mutants.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { shrink } from "./shrink.ts";
import { judgeSubject } from "./subject.ts";
import { sweep } from "./workers.ts";

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs the seeds and resolves with true when no seed broke a guarantee. */
async function run({ first, seeds, workers, mutant, subject, verbose }: Options): Promise<boolean> {
  const began = performance.now();
  const found = await sweep(first, seeds, workers, mutant?.name, subject);
  const seconds = (performance.now() - began) / 1_000;
  print(
    `${found.seeds} seeds in ${seconds.toFixed(1)} s: ${(found.seeds / seconds).toFixed(1)} seeds/s, ` +
      `${Math.round(found.records / found.seeds)} records each, ${workers} processes`,
  );
  const [worst] = found.bad;
  if (worst === undefined) {
    print("no seed breaks a guarantee");
    return true;
  }
  print(`seeds that break a guarantee: ${found.bad.join(", ")}`);
  if (subject !== "clusters") {
    for (const { id, line, t, says } of (await judgeSubject(subject, worst)).violations) {
      print(`  ${id} line ${line}, ${t} ms: ${says}`);
    }
    return false;
  }
  await explain(worst, mutant, verbose);
  return false;
}

/** Replays a seed, shrinks its plan, and prints both results. */
async function explain(seed: number, mutant: Mutant | undefined, verbose: boolean): Promise<void> {
  const verdict = await judgeSeed(seed, mutant);
  if (verdict.violations.length === 0) {
    print(
      `seed ${seed} breaks no guarantee when it runs alone: the simulation is not deterministic`,
    );
    return;
  }
  print(`\nseed ${seed}:`);
  tell(verdict, verbose);
  const small = await shrink(verdict, mutant);
  const { nodes, readers, steps } = small.plan;
  print(`\nsmallest plan: ${nodes.length} nodes, ${readers.length} readers, ${steps.length} steps`);
  tell(small, verbose);
  print(JSON.stringify(small.plan, null, verbose ? 2 : undefined));
  const folder = mkdtempSync(join(tmpdir(), "milepost-sim-"));
  for (const [name, { records }] of [
    ["journal", verdict],
    ["smallest", small],
  ] as const) {
    const path = join(folder, `${name}-${seed}.ndjson`);
    writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    print(path);
  }
}

function tell({ violations }: Verdict, verbose: boolean): void {
  for (const { id, says, line, t } of violations.slice(0, verbose ? undefined : 5)) {
    print(`  ${id} line ${line}, ${t} ms: ${says}`);
  }
}

/** Resolves with true when the checker finds every mutant. */
async function runMutants({ first, seeds }: Options): Promise<boolean> {
  let all = true;
  for (const mutant of mutants) {
    let seed = first;
    let ids: string[] = [];
    // A mutant that throws is broken itself, and shows nothing.
    const sign = mutant.shownAs ?? mutant.breaks;
    const isOver = () => ids.includes(sign) || ids.includes("defect");
    for (; seed < first + seeds && !isOver(); seed++) {
      const { violations } = await judgeSeed(seed, mutant);
      ids = [...new Set(violations.map(({ id }) => id))];
    }
    const isFound = ids.includes(sign) && !ids.includes("defect");
    all &&= isFound;
    const where = isFound ? `seed ${seed - 1}: ${ids.join(", ")}` : `NOT FOUND in ${seeds} seeds`;
    print(`${mutant.name.padEnd(20)} breaks ${mutant.breaks.padEnd(4)} ${where}`);
  }
  return all;
}

const args = process.argv.slice(2);
if (args.includes("--help")) {
  print(usage);
  process.exit();
}
let options: Options;
try {
  options = readOptions(args, availableParallelism());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}\n`);
  process.exit(2);
}
const held = options.everyMutant ? await runMutants(options) : await run(options);
process.exitCode = held ? 0 : 1;
