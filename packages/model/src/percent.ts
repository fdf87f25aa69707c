import { definedFields } from "@milepost/protocol";
import type { Counter, StepState } from "./operation-state.ts";

/** The progress fields of a report: a percentage, a count, or both. */
export interface ReportedProgress {
  readonly percent?: number;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: string;
}

/** Returns the counter after a report. Fields that the report does not have keep their value. */
export function countOn(
  before: Counter | undefined,
  report: ReportedProgress,
): Counter | undefined {
  const { done, total, unit } = report;
  if (done === undefined && total === undefined && unit === undefined) return before;
  return {
    ...before,
    done: done ?? before?.done ?? 0,
    ...definedFields({ total, unit }),
  };
}

/**
 * Returns the percentage after a report: the reported percentage, otherwise that of the counter. Undefined if
 * neither exists.
 */
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
 * Returns the weighted mean of the steps' percentages. A skipped step counts as complete. Returns undefined if
 * no step has a weight; the steps then do not determine the progress of the whole.
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

/**
 * Rounds down to hundredths, so that only complete work is 100. The small addend compensates floating-point
 * errors.
 */
function toHundredths(percent: number): number {
  return Math.floor(percent * 100 + 1e-6) / 100;
}
