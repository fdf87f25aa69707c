#!/usr/bin/env node
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithParents } from "@milepost/redis/testing";
import { runKills } from "./kill-run.ts";

const usage = "usage: npm run faults:data -- [--kills N] [--seed N]\n";
const print = (line: string) => void process.stdout.write(`${line}\n`);

endWithParents();
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

let kills = 200;
let seed = 1;
const args = process.argv.slice(2);
for (let i = 0; i < args.length; i += 2) {
  const value = Number(args[i + 1]);
  if (args[i] === "--kills") kills = value;
  else if (args[i] === "--seed") seed = value;
  else kills = Number.NaN;
}
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
  process.stderr.write(usage);
  process.exit(2);
}
const { violations, stored, gaps, resets, longestStartMs, records } = await runKills(kills, seed);
print(
  `${kills} kills: ${stored} stored, ${gaps} gaps, ${resets} resets, ${violations.length} violations, longest start ${longestStartMs.toFixed(0)} ms`,
);
if (violations.length > 0) {
  for (const { id, says, line, t } of violations.slice(0, 10)) {
    print(`  ${id} line ${line}, ${t} ms: ${says}`);
  }
  const path = join(await mkdtemp(join(tmpdir(), "milepost-journal-")), `kills-${seed}.ndjson`);
  await writeFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  print(`  ${path}`);
}
process.exit(violations.length > 0 ? 1 : 0);
