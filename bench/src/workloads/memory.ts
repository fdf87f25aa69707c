import { residentBytes } from "../measure/process-usage.ts";
import { type Summary, summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { catalog, memoryTargets, type TargetName } from "../targets/catalog.ts";
import { setStage } from "./stage.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

/** Bytes that each further idle connection takes. */
interface Footprint {
  readonly target: TargetName;
  readonly residentBytes: number;
  readonly heapBytes: number;
}

/**
 * Number of connections opened before the baseline is measured. What is created once, such as code and pools,
 * then does not count as a connection's.
 */
const firstConnections = 1_000;

const maxRounds = 3;

/** Runs the workload `memory`: memory of idle connections, each with one subscription. */
export async function runMemory(options: Options, onProgress: OnProgress): Promise<WorkloadReport> {
  const targets = options.targets ?? memoryTargets;
  const rounds = Math.min(options.rounds, maxRounds);
  const footprints: Footprint[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const target of rotated(targets, round)) {
      onProgress(`memory: round ${round + 1} of ${rounds}, ${target}`);
      footprints.push(await weigh(target, options.connections));
    }
  }
  const rows = targets.map((target) => {
    const own = footprints.filter((footprint) => footprint.target === target);
    return {
      target,
      title: catalog[target].title,
      residentBytes: summarize(own.map((footprint) => footprint.residentBytes)),
      heapBytes: summarize(own.map((footprint) => footprint.heapBytes)),
    };
  });
  const ws = rows.find(({ target }) => target === "ws")?.residentBytes.median;
  return {
    workload: "memory",
    what: `${options.connections} idle connections after the first ${firstConnections}, one subscription each; ${rounds} rounds`,
    table: [
      ["", "RSS KB/connection (min-max)", "x ws", "JS heap KB (in RSS)"],
      ...rows.map((row) => [
        row.title,
        kilobytes(row.residentBytes),
        ws === undefined ? "" : (row.residentBytes.median / ws).toFixed(2),
        (row.heapBytes.median / 1_024).toFixed(1),
      ]),
    ],
    notes: [
      "RSS of the server process; the kernel's socket buffers come on top and are alike for all targets",
    ],
    rows,
  };
}

async function weigh(target: TargetName, connections: number): Promise<Footprint> {
  await using stage = await setStage(target, ["--expose-gc"]);
  const { server, generator, plan } = stage;
  const read = async () => {
    const { heapBytes } = await server.call("collectGarbage", undefined);
    return { heapBytes, residentBytes: residentBytes(server.pid) };
  };
  await generator.call("connect", { plan, connections: firstConnections }, 60_000);
  const before = await read();
  await generator.call("connect", { plan, connections }, 300_000);
  const after = await read();
  return {
    target,
    residentBytes: (after.residentBytes - before.residentBytes) / connections,
    heapBytes: (after.heapBytes - before.heapBytes) / connections,
  };
}

function kilobytes({ median, min, max }: Summary): string {
  const kb = (bytes: number) => (bytes / 1_024).toFixed(1);
  return `${kb(median)} (${kb(min)}-${kb(max)})`;
}
