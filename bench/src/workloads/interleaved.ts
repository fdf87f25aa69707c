import { mkdirSync } from "node:fs";
import { lineOf } from "../measure/profile.ts";
import type { Options } from "../options.ts";
import type { TargetName } from "../targets/catalog.ts";
import { summarizeRounds, tableOf } from "./paced-report.ts";
import { type PacedLoad, type PacedRound, runPacedRound } from "./paced-round.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

/** Paced workload and its targets, as {@link runInterleaved} runs it. */
export interface PacedWorkload {
  readonly workload: string;
  readonly what: string;
  readonly targets: readonly TargetName[];
  readonly notes: readonly string[];
  loadOf(target: TargetName): Pick<PacedLoad, "ticksPerSecond" | "perTick">;
}

/** Runs every target once per round, in turn, and summarizes the rounds. */
export async function runInterleaved(
  plan: PacedWorkload,
  options: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const { workload, what, targets } = plan;
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  const rounds: PacedRound[][] = [];
  for (let round = 0; round < options.rounds; round++) {
    const results: PacedRound[] = [];
    for (const target of rotated(targets, round)) {
      onProgress(`${workload}: round ${round + 1} of ${options.rounds}, ${target}`);
      const { subscribers, seconds, profile } = options;
      results.push(
        await runPacedRound({
          target,
          subscribers,
          seconds,
          ...plan.loadOf(target),
          ...(profile === undefined ? {} : { profile }),
        }),
      );
    }
    rounds.push(results);
  }
  const rows = summarizeRounds(targets, rounds);
  return {
    workload,
    what,
    table: tableOf(rows),
    notes: [...plan.notes, ...rows.flatMap(({ faults }) => faults), ...hotSpotsOf(rounds)],
    rows: rows.map((row) => ({
      ...row,
      rounds: rounds.map((round) => round.find(({ target }) => target === row.target)),
    })),
  };
}

function hotSpotsOf(rounds: readonly (readonly PacedRound[])[]): string[] {
  const last = rounds.at(-1) ?? [];
  return last.flatMap(({ target, hotSpots = [] }) => hotSpots.map((spot) => lineOf(target, spot)));
}
