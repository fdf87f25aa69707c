import { Histogram } from "../measure/histogram.ts";
import { type Summary, summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import type { TargetName } from "../targets/catalog.ts";
import {
  type Company,
  companies,
  type NeverReadingRound,
  runNeverReadingRound,
} from "./never-reading-round.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const target: TargetName = "milepost-json";
const perTick = 40;
/**
 * Highest ratio allowed between the measured readers' p99 when deaf connections are connected too and their p99
 * when nobody else is connected.
 */
const mostRatio = 1.2;
/**
 * Highest slope allowed for the server's memory in the second half of a round, in bytes per second. Memory that
 * rises faster counts as unbounded.
 */
const mostSlope = 100 * 1_024;
const limit = 0.9;

/**
 * Runs the workload `never-reading`: one channel at full fan-out with many subscribers that never read. It
 * shows how these affect the other readers and the server.
 */
export async function runNeverReading(
  options: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const { subscribers, rate = 50, seconds, deaf: others, rounds: count } = options;
  const rounds: NeverReadingRound[][] = [];
  for (let round = 0; round < count; round++) {
    const results: NeverReadingRound[] = [];
    for (const company of rotated(companies, round)) {
      onProgress(`never-reading: round ${round + 1} of ${count}, with ${company} connected`);
      const load = { target, company, others, subscribers, ticksPerSecond: rate, perTick, seconds };
      results.push(await runNeverReadingRound(load));
    }
    rounds.push(results);
  }
  const rows = companies.map((company) => rowOf(company, rounds));
  return {
    workload: "never-reading",
    what: `1 channel x ${subscribers} measured readers, with ${others} other connections; ${rate} ticks/s of ${perTick} publications of 136 bytes; ${count} rounds of ${seconds} s`,
    table: [
      [
        "with",
        "p50 ms",
        "p99 (min-max)",
        "x nobody",
        "x readers",
        "RSS MB first",
        "peak",
        "last",
        "slope KB/s",
        "ended",
        "came back",
        "server CPU",
        "generator CPU",
      ],
      ...rows.map(({ cells }) => cells),
    ],
    notes: [
      "slope is measured over the second half of a round; the table shows the steepest of all rounds",
      ...rows.flatMap(({ faults }) => faults),
    ],
    rows: rows.map(({ cells: _, ...row }) => ({
      ...row,
      rounds: rounds.map((round) => round.find(({ company }) => company === row.company)),
    })),
  };
}

/** Returns the report's row for one kind of company over all rounds. */
export function rowOf(company: Company, rounds: readonly (readonly NeverReadingRound[])[]) {
  const of = (wanted: Company) =>
    rounds.flatMap((round) => round.find((result) => result.company === wanted) ?? []);
  const own = of(company);
  const all = new Histogram();
  for (const { latency } of own) all.merge(latency);
  const p99s = (wanted: Company) => of(wanted).map(({ latency }) => p99Of(latency));
  const ratio = (base: Company): Summary | undefined => {
    const bases = p99s(base);
    if (base === company || bases.length === 0) return undefined;
    return summarize(p99s(company).map((p99, i) => p99 / (bases[i] ?? Number.NaN)));
  };
  const p99 = summarize(p99s(company));
  const [toNobody, toReaders] = [ratio("nobody"), ratio("readers")];
  const memory = {
    first: summarize(own.map((round) => round.memory.first)).median,
    peak: Math.max(...own.map((round) => round.memory.peak)),
    last: summarize(own.map((round) => round.memory.last)).median,
    slope: Math.max(...own.map((round) => round.memory.slope)),
  };
  const sum = (value: (round: NeverReadingRound) => number) =>
    own.reduce((total, round) => total + value(round), 0);
  const median = (value: (round: NeverReadingRound) => number) => summarize(own.map(value)).median;
  const isDeaf = company.startsWith("deaf");
  const faults: string[] = [];
  const lost = sum((round) => round.lost + round.missing + round.repeated);
  if (lost > 0) faults.push(`with ${company} connected: ${lost} lost, skipped or repeated`);
  const closed = own.find((round) => round.closed > 0);
  if (closed !== undefined) {
    faults.push(
      `with ${company} connected: the connections of ${closed.closed} readers ended: ${closed.closeReason}`,
    );
  }
  if (isDeaf && toNobody !== undefined && toNobody.median > mostRatio) {
    faults.push(
      `with ${company} connected: the p99 latency of the measured readers was more than ${Math.round((mostRatio - 1) * 100)} % above that without them`,
    );
  }
  if (isDeaf && memory.slope > mostSlope)
    faults.push(`with ${company} connected: the server's memory keeps rising`);
  if (own.some((round) => round.generatorCpu > limit)) {
    faults.push(
      `with ${company} connected: the generator was at its limit, so the latencies are its own; lower the rate`,
    );
  }
  if (own.some((round) => round.serverCpu > limit)) {
    faults.push(
      `with ${company} connected: the server was at its limit, so the latencies include queueing; lower the rate`,
    );
  }
  const cells = [
    company,
    (all.percentile(50) / 1_000).toFixed(1),
    `${p99.median.toFixed(1)} (${p99.min.toFixed(1)}-${p99.max.toFixed(1)})`,
    timesOf(toNobody),
    timesOf(toReaders),
    megabytes(memory.first),
    megabytes(memory.peak),
    megabytes(memory.last),
    (memory.slope / 1_024).toFixed(0),
    String(sum((round) => round.deaf.ended)),
    String(sum((round) => round.deaf.cameBack)),
    percent(median((round) => round.serverCpu)),
    percent(median((round) => round.generatorCpu)),
  ];
  return { company, p99, toNobody, toReaders, memory, faults, cells };
}

function p99Of(latency: NeverReadingRound["latency"]): number {
  const histogram = new Histogram();
  histogram.merge(latency);
  return histogram.percentile(99) / 1_000;
}

function timesOf(ratio: Summary | undefined): string {
  if (ratio === undefined) return "";
  const { median, min, max } = ratio;
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
