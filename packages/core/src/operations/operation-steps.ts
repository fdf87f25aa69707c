import { activeMs, type OperationState, workedUntil } from "@milepost/model";
import type { LearnedStep, StepsSoFar } from "../estimates/learned-step.ts";

/** Returns the steps of an attempt that has ended, as they are learned; none if its breaks are not all known. */
export function learnedStepsOf(ended: OperationState): readonly LearnedStep[] {
  const { steps, updated_at: at } = ended;
  return steps.flatMap(({ id, started_at, ended_at }): readonly LearnedStep[] => {
    if (ended_at === undefined) return [];
    const end = workedUntil(ended, ended_at, at);
    const startMs = started_at === undefined ? end : workedUntil(ended, started_at, at);
    return end === undefined || startMs === undefined
      ? []
      : [{ id, startMs, tookMs: end - startMs }];
  });
}

/** Returns the steps of an operation as they are at `at`. After a stall, the time of a running step may include it. */
export function stepsSoFarOf({ steps, ...state }: OperationState, at: number): StepsSoFar {
  const now = workedUntil(state, at, at);
  const running = new Map<string, number>();
  const pending = new Set<string>();
  for (const { id, status, started_at = at } of steps) {
    if (status === "pending") pending.add(id);
    else if (status === "running") {
      const from = workedUntil(state, started_at, at);
      const isKnown = now !== undefined && from !== undefined;
      const elapsed = isKnown ? now - from : Math.min(at - started_at, activeMs(state, at));
      running.set(id, Math.max(0, elapsed));
    }
  }
  return { running, pending };
}
