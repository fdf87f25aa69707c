import { nothingTold, type Tally } from "./calibration.ts";
import { type DurationRange, estimateRange } from "./estimate-range.ts";
import type { LearnedRun } from "./learned-run.ts";
import { type Mark, markOfCreation, markOfStart } from "./marks.ts";
import { maxSamples, minSamples, type Sample } from "./samples.ts";

/** Finished runs of one kind of operation, from which a deployment estimates the next. */
export interface LearnedKind {
  /** The newest finished runs, newest first. */
  readonly runs: readonly LearnedRun[];
  /** Estimates that were told, counted by mark and by whether the truth lay below them. */
  readonly tallies: readonly (Tally | undefined)[];
}

/** Progress of a run at the moment its time left is estimated. */
export interface RunSoFar {
  readonly mark: Mark;
  /** Time that the run has taken, without pauses and stalls, in milliseconds. */
  readonly elapsedMs: number;
  readonly size?: number;
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
  { runs, tallies }: LearnedKind,
  { mark, elapsedMs, size }: RunSoFar,
  chance: number,
): DurationRange | undefined {
  const samples: Sample[] = [];
  for (const run of runs) {
    const elapsed = run.elapsedMs[mark];
    if (elapsed === undefined) continue;
    const tookMs = tookFrom(run, mark, elapsed);
    samples.push({ tookMs, known: [passed(mark, elapsed), run.size] });
  }
  return estimateRange(
    samples,
    [passed(mark, elapsedMs), size],
    tallies[mark] ?? nothingTold,
    chance,
  );
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
