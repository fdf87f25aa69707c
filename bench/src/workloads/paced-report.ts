import { type Summary, summarize } from "../measure/summary.ts";
import { catalog, type TargetName } from "../targets/catalog.ts";
import { mergeLatencies, type PacedRound } from "./paced-round.ts";

/** Summary of the rounds of one target, compared with the floor of the same rounds. */
export interface PacedRow {
  readonly target: TargetName;
  readonly title: string;
  readonly ticksPerSecond: number;
  readonly cpuUsPerDelivery: Summary;
  /**
   * Ratio to the floor, computed round by round like `toSocketIo`, so that what disturbed a whole round cancels
   * out.
   */
  readonly toFloor?: Summary;
  readonly toSocketIo?: Summary;
  readonly deliveredPerSecond: number;
  readonly messagesPerRead: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly serverCpu: number;
  readonly generatorCpu: number;
  /**
   * Faults, one line each; empty when every message arrived once and in order and no process reached its limit.
   */
  readonly faults: readonly string[];
}

/** Summarizes interleaved rounds: `rounds[n]` holds the targets' results of round n. */
export function summarizeRounds(
  targets: readonly TargetName[],
  rounds: readonly (readonly PacedRound[])[],
): readonly PacedRow[] {
  const of = (target: TargetName) =>
    rounds.flatMap((round) => round.find((result) => result.target === target) ?? []);
  const ratios = (target: TargetName, base: TargetName) => {
    const bases = of(base);
    if (target === base || bases.length === 0) return undefined;
    return summarize(
      of(target).map(
        (round, index) => round.cpuUsPerDelivery / (bases[index]?.cpuUsPerDelivery ?? 0),
      ),
    );
  };
  return targets.map((target) => {
    const own = of(target);
    const median = (value: (round: PacedRound) => number) => summarize(own.map(value)).median;
    const latency = mergeLatencies(own);
    const toFloor = ratios(target, "floor");
    const toSocketIo = ratios(target, "socket.io");
    return {
      target,
      title: catalog[target].title,
      ticksPerSecond: own[0]?.ticksPerSecond ?? 0,
      cpuUsPerDelivery: summarize(own.map((round) => round.cpuUsPerDelivery)),
      ...(toFloor === undefined ? {} : { toFloor }),
      ...(toSocketIo === undefined ? {} : { toSocketIo }),
      deliveredPerSecond: median((round) => round.deliveredPerSecond),
      messagesPerRead: median((round) => round.messagesPerRead),
      latencyMs: {
        p50: latency.percentile(50) / 1_000,
        p99: latency.percentile(99) / 1_000,
        p999: latency.percentile(99.9) / 1_000,
      },
      serverCpu: median((round) => round.serverCpu),
      generatorCpu: median((round) => round.generatorCpu),
      faults: own.flatMap(faultsOf),
    };
  });
}

/** Share of one core above which the generator itself may be the bottleneck. */
const generatorLimit = 0.9;
const serverLimit = 0.95;
const leastPaceKept = 0.9;

function faultsOf(round: PacedRound): string[] {
  const faults: string[] = [];
  const { target } = round;
  if (round.lost + round.missing + round.repeated > 0) {
    faults.push(
      `${target}: ${round.lost} not delivered, ${round.missing} skipped, ${round.repeated} repeated or late`,
    );
  }
  if (round.closed > 0)
    faults.push(`${target}: ${round.closed} connections ended: ${round.closeReason}`);
  if (round.generatorCpu > generatorLimit) {
    faults.push(
      `${target}: the generator was at its limit, so the latencies are its own; lower the rate`,
    );
  }
  if (round.serverCpu > serverLimit) {
    faults.push(
      `${target}: the server was at its limit, so the latencies include queueing; lower the rate`,
    );
  }
  if (round.paceKept < leastPaceKept) {
    const kept = Math.round(round.paceKept * 100);
    faults.push(
      `${target}: only ${kept} % of the pace was kept, so the latencies include queueing; is the machine busy with other work?`,
    );
  }
  return faults;
}

const columns = [
  "",
  "CPU µs/delivery (min-max)",
  "x floor (min-max)",
  "x Socket.IO",
  "deliveries/s",
  "msgs/read",
  "p50 ms",
  "p99",
  "p99.9",
  "server CPU",
  "generator CPU",
];

/** Returns the rows as cells of a table, with the heading first. */
export function tableOf(rows: readonly PacedRow[]): string[][] {
  return [
    columns,
    ...rows.map((row) => [
      row.title,
      spread(row.cpuUsPerDelivery),
      row.toFloor === undefined ? "1" : spread(row.toFloor),
      row.toSocketIo === undefined ? "" : row.toSocketIo.median.toPrecision(2),
      String(Math.round(row.deliveredPerSecond)),
      row.messagesPerRead.toFixed(2),
      row.latencyMs.p50.toFixed(1),
      row.latencyMs.p99.toFixed(1),
      row.latencyMs.p999.toFixed(1),
      percent(row.serverCpu),
      percent(row.generatorCpu),
    ]),
  ];
}

function spread({ median, min, max }: Summary): string {
  const digits = median < 1 ? 3 : 2;
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
