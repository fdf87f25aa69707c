/** A step of a finished run. Times are without pauses and stalls, in milliseconds. */
export interface LearnedStep {
  readonly id: string;
  /** Time from the start of the work to the beginning of the step. */
  readonly startMs: number;
  /** Time of the step itself; 0 if it was skipped. */
  readonly tookMs: number;
}

/** Steps of a run at one moment of it. Steps that are over are not listed. */
export interface StepsSoFar {
  /** Running steps, each with the time that it has taken so far. */
  readonly running: ReadonlyMap<string, number>;
  /** Ids of the steps that have not begun. */
  readonly pending: ReadonlySet<string>;
}

/** Difference that rounding to whole milliseconds can make. */
const rounding = 2;

/** Returns the steps of a finished run as they were when the run had taken `elapsedMs`. */
export function stepsAt(steps: readonly LearnedStep[], elapsedMs: number): StepsSoFar {
  const running = new Map<string, number>();
  const pending = new Set<string>();
  for (const { id, startMs, tookMs } of steps) {
    if (startMs >= elapsedMs - rounding) pending.add(id);
    else if (startMs + tookMs > elapsedMs + rounding) running.set(id, elapsedMs - startMs);
  }
  return { running, pending };
}
