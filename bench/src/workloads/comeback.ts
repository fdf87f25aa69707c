import { type Summary, summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import type { TargetName } from "../targets/catalog.ts";
import { type Absence, absences, type ComebackRound, runComebackRound } from "./comeback-round.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const target: TargetName = "milepost-json";
const missed = 50;
const patienceSeconds = 10;

/**
 * Runs the workload `comeback`: the readers of one channel are all cut at once and reconnect, having missed
 * nothing or much.
 */
export async function runComeback(
  options: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const { connections, rounds: count } = options;
  const rounds: ComebackRound[][] = [];
  for (let round = 0; round < count; round++) {
    const results: ComebackRound[] = [];
    for (const absence of rotated(absences, round)) {
      onProgress(`comeback: round ${round + 1} of ${count}, missed ${absence}`);
      results.push(await runComebackRound({ target, absence, connections, missed }));
    }
    rounds.push(results);
  }
  const rows = absences.map((absence) => rowOf(absence, rounds));
  return {
    workload: "comeback",
    what: `1 channel x ${connections} readers, cut at once; they reconnect and have missed nothing, the same ${missed} publications each, or fewer than ${2 * missed} by turns; ${count} rounds`,
    table: [
      ["missed", "s until all caught up (min-max)", "server CPU s", "x nothing", "generator CPU s"],
      ...rows.map((row) => [
        row.absence,
        `${row.seconds.median.toFixed(2)} (${row.seconds.min.toFixed(2)}-${row.seconds.max.toFixed(2)})`,
        row.serverCpuSeconds.median.toFixed(2),
        row.toNothing.median.toFixed(2),
        row.generatorCpuSeconds.median.toFixed(2),
      ]),
    ],
    notes: rows.flatMap(({ faults }) => faults),
    rows: rows.map((row) => ({
      ...row,
      rounds: rounds.map((round) => round.find(({ absence }) => absence === row.absence)),
    })),
  };
}

/**
 * Returns the report's row for one absence over all rounds. Its CPU is compared with that of the readers that
 * missed nothing in the same round.
 */
export function rowOf(
  absence: Absence,
  rounds: readonly (readonly ComebackRound[])[],
): {
  readonly absence: Absence;
  readonly seconds: Summary;
  readonly serverCpuSeconds: Summary;
  readonly generatorCpuSeconds: Summary;
  readonly toNothing: Summary;
  readonly faults: readonly string[];
} {
  const pairs = rounds.flatMap((round) => {
    const own = round.find((one) => one.absence === absence);
    const nothing = round.find((one) => one.absence === "nothing");
    return own === undefined || nothing === undefined ? [] : [{ own, nothing }];
  });
  const all = pairs.map(({ own }) => own);
  const seconds = summarize(all.map((one) => one.seconds));
  const sum = (of: (one: ComebackRound) => number) =>
    all.reduce((total, one) => total + of(one), 0);
  const faults: string[] = [];
  const wrong = sum(({ lost, wrong }) => lost + wrong);
  if (wrong > 0) faults.push(`missed ${absence}: ${wrong} lost, skipped or repeated`);
  const closed = sum((one) => one.closed);
  if (closed > 0) faults.push(`missed ${absence}: ${closed} connections ended`);
  if (seconds.max > patienceSeconds) {
    faults.push(`missed ${absence}: took longer than ${patienceSeconds} s`);
  }
  return {
    absence,
    seconds,
    serverCpuSeconds: summarize(all.map((one) => one.serverCpuSeconds)),
    generatorCpuSeconds: summarize(all.map((one) => one.generatorCpuSeconds)),
    toNothing: summarize(
      pairs.map(({ own, nothing }) => own.serverCpuSeconds / nothing.serverCpuSeconds),
    ),
    faults,
  };
}
