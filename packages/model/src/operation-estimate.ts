/** Range of a time: with a chance of 50 % it is shorter than the first, with 90 % shorter than the second. */
export interface EstimatedRange {
  /** In milliseconds. */
  readonly p50_ms: number;
  /** In milliseconds. */
  readonly p90_ms: number;
}

/**
 * A point of a run that has been passed: its index, the time that the run had taken then in milliseconds, and the p50 and
 * p90 of the time left that were told then, if any. The gateway learns from the marks when the run is done.
 */
export type EstimateMark =
  | readonly [mark: number, elapsedMs: number]
  | readonly [mark: number, elapsedMs: number, p50Ms: number, p90Ms: number];

/** Maximum number of marks of a run. */
export const maxEstimateMarks = 16;

/** Time that a step usually stays below: nine of ten runs of the kind did. */
export interface UsualStep {
  readonly id: string;
  /** Without pauses, waits and stalls, in milliseconds. */
  readonly p90_ms: number;
}

/**
 * Estimate of the time left of an operation. `remaining` counts from `at`; readers count it down by themselves, and stop
 * while the operation is paused or stalled. While the operation waits, it includes the wait.
 */
export interface OperationEstimate {
  /** Time that the estimate is of, in milliseconds since 1970. */
  readonly at: number;
  /** Time left at `at`; absent if it cannot be estimated. */
  readonly remaining?: EstimatedRange;
  /** Number of finished runs that the estimate is learned from. */
  readonly basis: number;
  /** Why there is no estimate: too few runs of this kind have finished. */
  readonly none?: "new_kind";
  /** True if the operation takes longer than 90 % of the runs of its kind. */
  readonly slower_than_usual?: true;
  /** Usual times of steps that are not over. {@link slowSteps} compares the running ones with them. */
  readonly usual_steps?: readonly UsualStep[];
  readonly marks?: readonly EstimateMark[];
}
