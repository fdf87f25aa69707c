#!/usr/bin/env node
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithParents } from "@milepost/redis/testing";
import { runKills } from "./kill-run.ts";
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
process.exit(options.kind === "power" ? await losePower(options) : await kill(options));

async function kill({ kills, seed }: { readonly kills: number; readonly seed: number }) {
  const { violations, stored, gaps, resets, longestStartMs, records } = await runKills(kills, seed);
  print(
    `${kills} kills: ${stored} stored, ${gaps} gaps, ${resets} resets, ${violations.length} violations, longest start ${longestStartMs.toFixed(0)} ms`,
  );
  if (violations.length === 0) return 0;
  for (const { id, says, line, t } of violations.slice(0, 10)) {
    print(`  ${id} line ${line}, ${t} ms: ${says}`);
  }
  const path = join(await mkdtemp(join(tmpdir(), "milepost-journal-")), `kills-${seed}.ndjson`);
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
