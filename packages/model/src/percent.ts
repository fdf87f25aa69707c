import type { Counter, StepState } from "./operation-state.ts";

/** What a report may say about how far something is. */
export interface ReportedProgress {
  readonly percent?: number;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: string;
}

/** The counter after a report; the fields it does not name stay. */
export function countOn(
  before: Counter | undefined,
  report: ReportedProgress,
): Counter | undefined {
  const { done, total, unit } = report;
  if (done === undefined && total === undefined && unit === undefined) return before;
  return {
    ...before,
    done: done ?? before?.done ?? 0,
    ...(total === undefined ? {} : { total }),
    ...(unit === undefined ? {} : { unit }),
  };
}

/** The percentage a report gives: the one it names, else the counter's; undefined when it gives none. */
export function reportedPercent(
  report: ReportedProgress,
  counter: Counter | undefined,
): number | undefined {
  if (report.percent !== undefined) return report.percent;
  if (report.done === undefined && report.total === undefined) return undefined;
  if (counter?.total === undefined || counter.total === 0) return undefined;
  return Math.min(100, toHundredths((counter.done / counter.total) * 100));
}

/**
 * The weighted mean of the steps; ended well or skipped counts as complete. Undefined when no step has
 * any weight, since the steps then say nothing about the whole.
 */
export function meanPercent(steps: readonly StepState[]): number | undefined {
  let complete = 0;
  let weights = 0;
  for (const { weight, status, percent } of steps) {
    weights += weight;
    complete += weight * (status === "skipped" ? 100 : percent);
  }
  return weights > 0 ? Math.min(100, toHundredths(complete / weights)) : undefined;
}

/** Rounds down, so that 100 means complete, but for what is lost to floating point. */
function toHundredths(percent: number): number {
  return Math.floor(percent * 100 + 1e-6) / 100;
}
