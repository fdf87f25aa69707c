import { runningSeconds } from "../measure/process-usage.ts";
import { type Summary, summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { catalog, type TargetName } from "../targets/catalog.ts";
import { type Stage, setStage } from "./stage.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const base = "milepost-unmetered";
const targets = [
  base,
  "milepost-json",
  "milepost-scraped",
] as const satisfies readonly TargetName[];
type Target = (typeof targets)[number];

/** Length of one window of a target, in seconds: short, so that what disturbs one disturbs the next alike. */
const windowSeconds = 0.5;
const warmUpSeconds = 2;
const patienceMs = 5_000;
const connectTimeoutMs = 120_000;
const callTimeoutMs = 60_000;

/** Measured windows of one round: for each target, microseconds of CPU per delivery of each window. */
export type CostRound = Readonly<Record<Target, readonly number[]>>;

/** Cost of metrics over all rounds, as ratios to the gateway without them. */
export interface CostRow {
  readonly target: Target;
  readonly cpuUsPerDelivery: Summary;
  /** Ratio of each round: the median of the ratios of its pairs of windows. */
  readonly toBase?: Summary;
  /** Standard error of the mean of these ratios. */
  readonly error?: number;
}

/**
 * Runs the workload `metrics-cost`: gateways without metrics, with metrics, and with metrics that are scraped each second.
 *
 * All run at the same time, each in a process of its own, and take turns of half a second under the same load. A window is
 * compared with that of the gateway without metrics in the same turn, so the load of other processes cancels. Each round has
 * new processes, because two processes with the same code differ by a few percent for as long as they live.
 */
export async function runMetricsCost(
  options: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const { rounds: count, rate = 50, subscribers, seconds } = options;
  const rounds: CostRound[] = [];
  for (let round = 0; round < count; round++) {
    onProgress(`metrics-cost: round ${round + 1} of ${count}`);
    rounds.push(await runCostRound({ subscribers, rate, seconds }, round));
  }
  const rows = costRows(rounds);
  return {
    workload: "metrics-cost",
    what: `1 channel x ${subscribers} subscribers, ${rate} publications/s of 136 bytes; ${count} rounds of new processes, in each ${seconds} s for each target, in turns of ${windowSeconds} s`,
    table: [
      ["", "CPU µs/delivery (min-max)", "x no metrics (min-max of rounds)", "mean ± error"],
      ...rows.map(({ target, cpuUsPerDelivery, toBase, error = 0 }) => [
        catalog[target].title,
        spread(cpuUsPerDelivery, 2),
        toBase === undefined ? "1" : spread(toBase, 3),
        toBase === undefined
          ? ""
          : `${mean(ratiosOf(rounds, target)).toFixed(3)} ± ${error.toFixed(3)}`,
      ]),
    ],
    notes: ["a ratio of a round is the median of those of its turns"],
    rows,
  };
}

interface CostLoad {
  readonly subscribers: number;
  readonly rate: number;
  readonly seconds: number;
}

/** Runs a round on new processes, which start in another order in each round. */
async function runCostRound(load: CostLoad, round: number): Promise<CostRound> {
  const costs: Record<Target, number[]> = {
    "milepost-unmetered": [],
    "milepost-json": [],
    "milepost-scraped": [],
  };
  const stages: { readonly target: Target; readonly stage: Stage }[] = [];
  try {
    for (const target of rotated(targets, round)) {
      const stage = await setStage(target);
      stages.push({ target, stage });
      const connect = { plan: stage.plan, connections: load.subscribers };
      await stage.generator.call("connect", connect, connectTimeoutMs);
    }
    for (const { stage } of stages) await put(stage, load, warmUpSeconds);
    const turns = Math.max(2, Math.round(load.seconds / windowSeconds));
    for (let turn = 0; turn < turns; turn++) {
      // Every second turn goes back the way that the one before came, so that no target always follows the same one.
      const order = turn % 2 === 0 ? stages : stages.toReversed();
      for (const { target, stage } of order) {
        costs[target].push(await put(stage, load, windowSeconds));
      }
    }
  } finally {
    await Promise.all(stages.map(({ stage }) => stage[Symbol.asyncDispose]()));
  }
  return costs;
}

/** Publishes for a while; returns the microseconds of the server's CPU for each delivery. */
async function put(
  { server, generator }: Stage,
  { rate, subscribers }: CostLoad,
  seconds: number,
): Promise<number> {
  const ticks = Math.max(1, Math.round(seconds * rate));
  const expected = ticks * subscribers;
  await generator.call("reset", undefined);
  const before = runningSeconds(server.pid);
  const pace = { ticks, intervalMs: 1_000 / rate };
  await server.call("publish", { pace, perTick: 1 }, callTimeoutMs);
  const arrived = { delivered: expected, patienceMs };
  const { delivered } = await generator.call("waitFor", arrived, callTimeoutMs);
  if (delivered !== expected) {
    throw new Error(`${expected - delivered} of ${expected} messages were not delivered`);
  }
  return ((runningSeconds(server.pid) - before) * 1e6) / delivered;
}

/** Returns the ratio of a target in each round: the median of the ratios of its turns. */
function ratiosOf(rounds: readonly CostRound[], target: Target): readonly number[] {
  return rounds.map((round) => {
    const bases = round[base];
    return summarize(round[target].map((cost, turn) => cost / (bases[turn] ?? Number.NaN))).median;
  });
}

/** Summarizes the rounds, each with the windows of all targets. */
export function costRows(rounds: readonly CostRound[]): readonly CostRow[] {
  return targets.map((target) => {
    const cpuUsPerDelivery = summarize(rounds.flatMap((round) => round[target]));
    if (target === base) return { target, cpuUsPerDelivery };
    const ratios = ratiosOf(rounds, target);
    return {
      target,
      cpuUsPerDelivery,
      toBase: summarize(ratios),
      error: standardError(ratios),
    };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function standardError(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

function spread({ median, min, max }: Summary, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}
