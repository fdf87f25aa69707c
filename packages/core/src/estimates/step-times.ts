import type { UsualStep } from "@milepost/model";
import { nothingTold } from "./calibration.ts";
import { estimateRange } from "./estimate-range.ts";
import type { LearnedRun } from "./learned-run.ts";
import type { StepsSoFar } from "./learned-step.ts";
import { minSamples, type Sample } from "./samples.ts";

/** Share of the usual time of all steps below which differences of the time left say nothing. */
const negligible = 0.02;

/** Maximum number of steps whose usual times an estimate has. */
const maxUsualSteps = 50;

interface StepTimes {
  readonly id: string;
  /** Times of the step in the runs that did not skip it, newest first, each with the size of its run. */
  readonly samples: readonly Sample[];
  /** The same times, ascending. */
  readonly sorted: readonly number[];
  /** Usual time, in milliseconds: the median, times the share of the runs that did not skip the step. */
  readonly usualMs: number;
  /** True if at least half of the runs with steps had this one. */
  readonly isCommon: boolean;
  /** Indexes of the steps that were always over before this one began. */
  readonly after: readonly number[];
}

/**
 * Times of the steps of a kind, learned from its finished runs: how long each takes, and which of them wait for which.
 *
 * A step waits for another one if it began after that one's end in every run that had both; otherwise the two run side
 * by side. Steps that fewer than {@link minSamples} runs had are unknown.
 */
export class StepTimesOfKind {
  /** Known steps, in the order in which they usually begin. */
  readonly #steps: readonly StepTimes[];
  readonly #leastMs: number;

  constructor(runs: readonly LearnedRun[]) {
    this.#steps = stepTimesOf(runs.filter(({ steps }) => steps.length > 0));
    const all = this.#steps.reduce((sum, { usualMs }) => sum + usualMs, 0);
    this.#leastMs = Math.max(1, negligible * all);
  }

  /**
   * Returns how long the steps of a run will still take by the usual times, in milliseconds above 0; undefined if no step
   * is known. Of steps side by side, the one that ends last counts.
   */
  restOf({ running, pending }: StepsSoFar): number | undefined {
    if (this.#steps.length === 0) return undefined;
    const ends = this.#steps.map(() => 0);
    for (const [i, { id, sorted, usualMs, after }] of this.#steps.entries()) {
      const elapsed = running.get(id);
      if (elapsed !== undefined) ends[i] = restBeyond(sorted, elapsed);
      else if (pending.has(id)) {
        let from = 0;
        // Steps that usually begin later, or are over, have no end here.
        for (const other of after) from = Math.max(from, ends[other] ?? 0);
        ends[i] = from + usualMs;
      }
    }
    return Math.max(...ends) + this.#leastMs;
  }

  /**
   * True if what a run lists are all of its steps: one that has not begun is among them, or all that are common. A run
   * that names its steps only as they begin does not show what is to come.
   */
  isPlan(listed: ReadonlySet<string>, pending: ReadonlySet<string>): boolean {
    if (this.#steps.some(({ id }) => pending.has(id))) return true;
    const common = this.#steps.filter(({ isCommon }) => isCommon);
    return common.length > 0 && common.every(({ id }) => listed.has(id));
  }

  /** Returns the times that nine of ten runs of this size stay below, by step. */
  usualSteps(size: number | undefined): readonly UsualStep[] {
    return this.#steps
      .flatMap(({ id, samples }) => {
        const range = estimateRange(samples, [size], nothingTold, 0.5);
        return range === undefined ? [] : [{ id, p90_ms: range.p90_ms }];
      })
      .slice(0, maxUsualSteps);
  }
}

function stepTimesOf(runs: readonly LearnedRun[]): readonly StepTimes[] {
  const found = new Map<string, { starts: number; runs: number; samples: Sample[] }>();
  for (const { steps, size } of runs) {
    for (const { id, startMs, tookMs } of steps) {
      const step = found.get(id) ?? { starts: 0, runs: 0, samples: [] };
      found.set(id, step);
      step.starts += startMs;
      step.runs++;
      if (tookMs > 0) step.samples.push({ tookMs, known: [size] });
    }
  }
  const known = [...found].filter(([, step]) => step.runs >= minSamples);
  known.sort(([, a], [, b]) => a.starts / a.runs - b.starts / b.runs);
  const order = orderOf(
    runs,
    known.map(([id]) => id),
  );
  return known.map(([id, { runs: count, samples }], i) => {
    const sorted = samples.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
    const usualMs = median(sorted) * (samples.length / count);
    const isCommon = 2 * count >= runs.length;
    return { id, samples, sorted, usualMs, isCommon, after: order[i] ?? [] };
  });
}

/** Returns, for each step, the indexes of the steps that were over before it began in every run with both. */
function orderOf(
  runs: readonly LearnedRun[],
  ids: readonly string[],
): readonly (readonly number[])[] {
  const [unknown, after, sideBySide] = [0, 1, 2];
  const indexOf = new Map(ids.map((id, i) => [id, i]));
  const relations = new Uint8Array(ids.length ** 2).fill(unknown);
  for (const { steps } of runs) {
    const placed = steps.flatMap(({ id, startMs, tookMs }) => {
      const index = indexOf.get(id);
      return index === undefined ? [] : [{ row: index * ids.length, index, startMs, tookMs }];
    });
    for (const { row, startMs } of placed) {
      for (const before of placed) {
        const at = row + before.index;
        if (startMs < before.startMs + before.tookMs) relations[at] = sideBySide;
        else if (relations[at] === unknown) relations[at] = after;
      }
    }
  }
  return ids.map((_, i) => {
    const row = i * ids.length;
    return ids.flatMap((__, j) => (i !== j && relations[row + j] === after ? [j] : []));
  });
}

/** Returns the median of the rest of the times that are longer than `elapsed`; 0 if none is. */
function restBeyond(sorted: readonly number[], elapsed: number): number {
  const first = sorted.findIndex((one) => one > elapsed);
  return first < 0 ? 0 : median(sorted.slice(first)) - elapsed;
}

function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
