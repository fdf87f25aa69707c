import { nothingTold, type Tally } from "./calibration.ts";
import { type DurationRange, estimateRange } from "./estimate-range.ts";
import type { LearnedRun } from "./learned-run.ts";
import { type StepsSoFar, stepsAt } from "./learned-step.ts";
import { type Mark, markOfCreation, markOfStart } from "./marks.ts";
import { maxSamples, minSamples, type Sample } from "./samples.ts";
import { StepTimesOfKind } from "./step-times.ts";

/** Finished runs of one kind of operation, from which a deployment estimates the next. */
export interface LearnedKind {
  /** The newest finished runs, newest first. */
  readonly runs: readonly LearnedRun[];
  /** Estimates that were told, counted by mark and by whether the truth lay below them. */
  readonly tallies: readonly (Tally | undefined)[];
}

/** The time left is taken for proportional to what the steps will take, unless the runs tell otherwise. */
const alongSteps = [0, 0, 1];

const stepTimes = new WeakMap<LearnedKind, StepTimesOfKind>();

/** Returns what the runs of a kind tell about its steps. Computed once for each kind as it is. */
export function stepTimesOf(kind: LearnedKind): StepTimesOfKind {
  const known = stepTimes.get(kind) ?? new StepTimesOfKind(kind.runs);
  stepTimes.set(kind, known);
  return known;
}

/** Progress of a run at the moment its time left is estimated. */
export interface RunSoFar {
  readonly mark: Mark;
  /** Time that the run has taken, without pauses and stalls, in milliseconds. */
  readonly elapsedMs: number;
  readonly size?: number;
  /** Steps of the run; absent if it does not show which are to come. */
  readonly steps?: StepsSoFar;
}

export const unknownKind: LearnedKind = { runs: [], tallies: [] };

/** True if nothing can be told about a kind yet. */
export function isNewKind({ runs }: LearnedKind): boolean {
  return runs.length < minSamples;
}

/**
 * Returns the time left of a run that passes a mark, in milliseconds; undefined where the kind is new, or too few of its
 * runs passed this mark. From the creation on, it includes the wait that is usual before the work begins.
 */
export function remainingAt(
  kind: LearnedKind,
  { mark, elapsedMs, size, steps }: RunSoFar,
  chance: number,
): DurationRange | undefined {
  const times = steps === undefined ? undefined : stepTimesOf(kind);
  const samples: Sample[] = [];
  for (const run of kind.runs) {
    const elapsed = run.elapsedMs[mark];
    if (elapsed === undefined) continue;
    const worked = mark === markOfCreation ? 0 : elapsed;
    const rest = run.steps.length === 0 ? undefined : times?.restOf(stepsAt(run.steps, worked));
    const known = [passed(mark, elapsed), run.size, rest];
    samples.push({ tookMs: tookFrom(run, mark, elapsed), known });
  }
  const rest = steps && times?.restOf(steps);
  const known = [passed(mark, elapsedMs), size, rest];
  return estimateRange(samples, known, kind.tallies[mark] ?? nothingTold, chance, alongSteps);
}

/**
 * Returns the time left of a run that has taken longer than was told, from the runs that took even longer; undefined for
 * too few of them.
 */
export function remainingBeyond(
  { runs }: LearnedKind,
  elapsedMs: number,
  chance: number,
): DurationRange | undefined {
  const samples: Sample[] = [];
  for (const { totalMs } of runs) {
    if (totalMs > elapsedMs) samples.push({ tookMs: totalMs - elapsedMs, known: [] });
  }
  return estimateRange(samples, [], nothingTold, chance);
}

/** Returns the time from a mark to the end of a run. At the creation, `elapsedMs` is the wait that followed. */
export function tookFrom({ totalMs }: LearnedRun, mark: Mark, elapsedMs: number): number {
  return mark === markOfCreation ? totalMs + elapsedMs : totalMs - elapsedMs;
}

/** Returns the kind after one more finished run. */
export function learn(
  { runs }: LearnedKind,
  run: LearnedRun,
  tallies: LearnedKind["tallies"],
): LearnedKind {
  return { runs: [run, ...runs].slice(0, maxSamples), tallies };
}

/** The time that a run has taken says nothing at its creation and its start. */
function passed(mark: Mark, elapsedMs: number): number | undefined {
  return mark > markOfStart ? elapsedMs : undefined;
}
