import { type AttackName, attackNames, attacks } from "../hostile/attacks.ts";
import type { HealthyReport } from "../hostile/healthy-process.ts";
import { Histogram } from "../measure/histogram.ts";
import type { Options } from "../options.ts";
import { layOut } from "../table.ts";
import { type HostileRound, runHostileRound } from "./hostile-round.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

/** Round trip that 99 of 100 publications of healthy clients must keep, in milliseconds. */
const mostP99Ms = 50;
/** Most that an attack may add to the p99, in milliseconds. */
const mostAddedMs = 20;
const healthyClients = 500;
const perSecond = 500;

/**
 * Runs the workload `hostile`: healthy clients publish and receive, without and with one attacker who does the same
 * thing over and over at full speed.
 */
export async function runHostile(
  { seconds, attacks: chosen }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const names = chosen ?? attackNames;
  const rounds: HostileRound[] = [];
  for (const attack of names) {
    onProgress(`hostile: ${attack}`);
    const round = await runHostileRound(attack, { clients: healthyClients, perSecond, seconds });
    rounds.push(round);
    onProgress(layOut([heading, rowOf(round).cells]));
  }
  const rows = rounds.map(rowOf);
  return {
    workload: "hostile",
    what: `${healthyClients} healthy clients with ${perSecond} publications/s, and one attacker in a process of its own, for ${seconds} s each`,
    table: [heading, ...rows.map(({ cells }) => cells)],
    notes: [
      `a healthy client's round trip should keep a p99 below ${mostP99Ms} ms, and within ${mostAddedMs} ms of its p99 without the attack`,
      ...rows.flatMap(({ faults }) => faults),
    ],
    rows: rows.map(({ cells: _, ...row }) => row),
  };
}

const heading = [
  "attack",
  "p50 ms before",
  "p99",
  "p50 ms during",
  "p99",
  "max",
  "lost",
  "MB sent",
  "opened",
  "ended",
  "RSS MB",
];

/** Returns the report's row for one attack. */
export function rowOf(round: HostileRound) {
  const { attack, before, during, tally, grown } = round;
  const [calm, storm] = [timesOf(before), timesOf(during)];
  const faults: string[] = [];
  if (storm.p99 > mostP99Ms || storm.p99 > calm.p99 + mostAddedMs)
    faults.push(`${attack}: the p99 rose from ${ms(calm.p99)} to ${ms(storm.p99)} ms`);
  if (during.lost > 0) faults.push(`${attack}: ${during.lost} publications did not come back`);
  if (during.closed > 0)
    faults.push(`${attack}: ${during.closed} healthy clients were closed: ${during.closeReason}`);
  const cells = [
    titleOf(attack),
    ms(calm.p50),
    ms(calm.p99),
    ms(storm.p50),
    ms(storm.p99),
    ms(storm.max),
    String(during.lost),
    (tally.bytes / 2 ** 20).toFixed(1),
    String(tally.opened),
    String(tally.ended),
    (grown / 2 ** 20).toFixed(0),
  ];
  return { attack, calm, storm, lost: during.lost, faults, cells };
}

function titleOf(attack: AttackName): string {
  return attacks[attack].title;
}

function timesOf({ latency }: HealthyReport) {
  const histogram = new Histogram();
  histogram.merge(latency);
  return {
    p50: histogram.percentile(50) / 1_000,
    p99: histogram.percentile(99) / 1_000,
    max: histogram.max / 1_000,
  };
}

function ms(value: number): string {
  return value.toFixed(1);
}
