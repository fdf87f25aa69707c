#!/usr/bin/env node
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithParents } from "@milepost/redis/testing";
import { runDisk } from "./disk-run.ts";
import { type KillVerdict, runKills } from "./kill-run.ts";
import { readOptions, usage } from "./options.ts";

const print = (line: string) => void process.stdout.write(`${line}\n`);

endWithParents();
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const options = readOptions(process.argv.slice(2));
if (options === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
const runs = { kills: kill, disk: breakDisk, power: losePower };
process.exit(await (runs[options.kind] as (given: typeof options) => Promise<number>)(options));

async function kill({ kills, seed }: { readonly kills: number; readonly seed: number }) {
  return judged(`${kills} kills`, `kills-${seed}`, await runKills(kills, seed));
}

async function breakDisk({ breaks, seed }: { readonly breaks: number; readonly seed: number }) {
  const verdict = await runDisk(breaks, seed);
  const made = Object.entries(verdict.breaks).map(([name, count]) => `${count} ${name}`);
  return judged(`${breaks} breaks of the disk (${made.join(", ")})`, `disk-${seed}`, verdict);
}

async function judged(what: string, name: string, verdict: KillVerdict): Promise<number> {
  const { violations, stored, acknowledged, gaps, resets, longestStartMs, records } = verdict;
  print(
    `${what}: ${stored} stored, ${acknowledged} acknowledged by a durable subscriber, ${gaps} gaps, ${resets} resets, ${violations.length} violations, longest ${longestStartMs.toFixed(0)} ms`,
  );
  if (violations.length === 0) return 0;
  for (const { id, says, line, t } of violations.slice(0, 10)) {
    print(`  ${id} line ${line}, ${t} ms: ${says}`);
  }
  const path = join(await mkdtemp(join(tmpdir(), "milepost-journal-")), `${name}.ndjson`);
  await writeFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  print(`  ${path}`);
  return 1;
}

async function losePower(options: Extract<ReturnType<typeof readOptions>, { kind: "power" }>) {
  if (options.mutant !== undefined) {
    // The judge opens the images with the same defect.
    process.env.FAULTS_MUTANT = options.mutant;
    await import("../mutants/register.ts");
  }
  const { runPower } = await import("../power/power-run.ts");
  let code = 0;
  for (const durability of ["full", "normal"] as const) {
    const verdict = await runPower({ ...options, durability });
    const { violations, images, calls, syncs, checkpoints, facts, longestTail } = verdict;
    print(
      `${durability}: ${images} losses of power over ${calls} calls with ${syncs} syncs and ${checkpoints} checkpoints, ${facts} facts, longest tail ${longestTail}, ${violations.length} violations`,
    );
    for (const says of violations) print(`  ${says}`);
    if (violations.length > 0) code = 1;
  }
  return code;
}
