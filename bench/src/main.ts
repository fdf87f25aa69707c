#!/usr/bin/env node
import { endWithParents } from "@milepost/redis/testing";
import { printTables, runFigures } from "./figures/figures-command.ts";
import { describeMachine, type Machine } from "./measure/machine.ts";
import { type Options, readOptions, usage, type WorkloadName } from "./options.ts";
import { killChildren } from "./process/child.ts";
import { layOut } from "./table.ts";
import { runAcrossNodes } from "./workloads/across-nodes.ts";
import { runBrowser } from "./workloads/browser.ts";
import { runBurst } from "./workloads/burst.ts";
import { runComeback } from "./workloads/comeback.ts";
import { runConnect } from "./workloads/connect.ts";
import { runDeployment } from "./workloads/deployment.ts";
import { runFanout } from "./workloads/fanout.ts";
import { runHostile } from "./workloads/hostile.ts";
import { runMemory } from "./workloads/memory.ts";
import { runMetricsCost } from "./workloads/metrics-cost.ts";
import { runNeverReading } from "./workloads/never-reading.ts";
import { runProducer } from "./workloads/producer.ts";
import { runPublish } from "./workloads/publish.ts";
import { runReconnect } from "./workloads/reconnect.ts";
import { runRedisAppend } from "./workloads/redis-append.ts";
import { runTenNodes } from "./workloads/ten-nodes.ts";
import { runUnicast } from "./workloads/unicast.ts";
import { runWire } from "./workloads/wire.ts";
import type { OnProgress, WorkloadReport } from "./workloads/workload.ts";

const workloads = {
  fanout: runFanout,
  burst: runBurst,
  memory: runMemory,
  "never-reading": runNeverReading,
  comeback: runComeback,
  "across-nodes": runAcrossNodes,
  "redis-append": runRedisAppend,
  "ten-nodes": runTenNodes,
  reconnect: runReconnect,
  hostile: runHostile,
  producer: runProducer,
  publish: runPublish,
  connect: runConnect,
  unicast: runUnicast,
  wire: runWire,
  deployment: runDeployment,
  "metrics-cost": runMetricsCost,
  browser: runBrowser,
} as const satisfies Record<
  WorkloadName,
  (options: Options, onProgress: OnProgress) => Promise<WorkloadReport>
>;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printMachine(machine: Machine): void {
  const { cpu, cores, memoryGb, platform, node, load } = machine;
  print(
    `${cpu}, ${cores} cores, ${memoryGb} GB, ${platform}, Node ${node}, load ${load.toFixed(2)}`,
  );
  if (load > cores / 2) {
    print("The machine is busy with other work: trust the ratios, not the absolute figures.");
  }
}

async function run(options: Options): Promise<void> {
  if (process.platform !== "linux") {
    throw new Error(
      "The benchmark reads process statistics from /proc and therefore runs on Linux only.",
    );
  }
  const machine = describeMachine();
  if (!options.json) printMachine(machine);
  const reports: WorkloadReport[] = [];
  for (const name of options.workloads) {
    const report = await workloads[name](options, (message) =>
      process.stderr.write(`${message}\n`),
    );
    reports.push(report);
    if (options.json) continue;
    print(`\n${report.workload}: ${report.what}\n\n${layOut(report.table)}`);
    for (const note of report.notes) print(`* ${note}`);
  }
  if (options.json) print(JSON.stringify({ machine, options, reports }));
}

endWithParents();
process.on("exit", killChildren);
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => process.exit(code));
}

const args = process.argv.slice(2);
if (args.includes("--help")) {
  print(usage);
  process.exit();
}
const [command, ...rest] = args;
if (command === "figures" || command === "table") {
  try {
    if (command === "figures") await runFigures(rest, workloads, print);
    else printTables(rest, print);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
  process.exit();
}
let options: Options;
try {
  options = readOptions(args);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}\n`);
  process.exit(2);
}
try {
  await run(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
}
