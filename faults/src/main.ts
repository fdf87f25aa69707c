#!/usr/bin/env node
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readOptions, usage } from "./options.ts";
import { tableOf } from "./report.ts";
import { runRound, type Verdict } from "./round.ts";

const print = (line: string) => void process.stdout.write(`${line}\n`);

process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const options = readOptions(process.argv.slice(2));
if (options === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
const verdicts: Verdict[] = [];
for (const fault of options.faults) {
  for (let i = 0; i < options.rounds; i++) {
    const verdict = await runRound(fault, options.seed + i);
    verdicts.push(verdict);
    const { toHeadMs, violations, stored, gaps, resets } = verdict;
    const head =
      toHeadMs === undefined ? "never at the head" : `at the head in ${toHeadMs.toFixed(0)} ms`;
    print(
      `${fault.name} ${options.seed + i}: ${stored} stored, ${gaps} gaps, ${resets} resets, ${head}, ${violations.length} violations`,
    );
    if (isBad(verdict)) await keep(verdict);
  }
}
print(tableOf(verdicts));
process.exit(verdicts.some(isBad) ? 1 : 0);

function isBad({ violations, toHeadMs }: Verdict): boolean {
  return violations.length > 0 || toHeadMs === undefined;
}

/** Keeps the journal of a round that does not hold, and says where. */
async function keep({ fault, seed, violations, records }: Verdict): Promise<void> {
  for (const { id, says, line, t } of violations.slice(0, 5)) {
    print(`  ${id} line ${line}, ${t} ms: ${says}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "milepost-journal-"));
  const path = join(folder, `${fault}-${seed}.ndjson`);
  await writeFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  print(`  ${path}`);
}
