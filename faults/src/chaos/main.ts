#!/usr/bin/env node
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endWithParents } from "@milepost/redis/testing";
import { chaosFaults } from "./chaos-fault.ts";
import { htmlOf, markdownOf, timelineOf } from "./chaos-report.ts";
import { runChaos } from "./chaos-run.ts";
import { readChaosOptions, usage } from "./options.ts";

const print = (line: string) => void process.stdout.write(`${line}\n`);

endWithParents();
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const options = readChaosOptions(process.argv.slice(2), chaosFaults);
if (typeof options === "string") {
  process.stderr.write(`${options}\n\n${usage(chaosFaults)}`);
  process.exit(2);
}
const { out, ...given } = options;
const verdict = await runChaos({ ...given, onProgress: print });
await mkdir(out, { recursive: true });
const { records, load, ...figures } = verdict;
await writeFile(join(out, "report.md"), markdownOf(verdict, "timeline.svg"));
await writeFile(join(out, "report.html"), htmlOf(verdict));
await writeFile(join(out, "timeline.svg"), timelineOf(verdict));
await writeFile(join(out, "report.json"), `${JSON.stringify({ ...figures, load })}\n`);
if (verdict.violations.length > 0) {
  const lines = records.map((record) => `${JSON.stringify(record)}\n`);
  await writeFile(join(out, "journal.ndjson"), lines.join(""));
  for (const { id, says, line, t } of verdict.violations.slice(0, 20)) {
    print(`  ${id} record ${line}, ${t} ms: ${says}`);
  }
}
print(
  `${verdict.happened.length} faults, ${verdict.stored} entries acknowledged, ${verdict.deliveries} deliveries, ${verdict.gaps} gaps, ${verdict.resets} resets, ${verdict.violations.length} violations; see ${join(out, "report.html")}`,
);
process.exit(verdict.violations.length > 0 ? 1 : 0);
