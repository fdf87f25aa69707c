import type { StepPlan } from "./operation-event.ts";
import type { OperationState } from "./operation-state.ts";

/**
 * Stages of a synchronisation, in order. After validating and syncing, the synchronised thing is launched; then
 * the synchronisation is complete.
 */
export const syncStages = ["validating", "syncing", "launching", "complete"] as const;

/** One stage of a synchronisation. */
export type SyncStage = (typeof syncStages)[number];

/** Plan of a synchronising operation. The last stage, `complete`, marks the end and has no weight. */
export const syncSteps: readonly StepPlan[] = [
  { id: "validating", title: "Validating", weight: 1 },
  { id: "syncing", title: "Syncing", weight: 6 },
  { id: "launching", title: "Launching", weight: 3 },
  { id: "complete", title: "Complete", weight: 0 },
];

/** Progress of a synchronisation, as a progress bar shows it. */
export interface SyncProgress {
  /** Current stage. If the synchronisation ended early, the last stage that it reached. */
  readonly stage: SyncStage;
  /** Whole number from 0 to 100. */
  readonly percent: number;
  readonly message: string;
  readonly failed: boolean;
}

/**
 * Returns the progress of an operation with {@link syncSteps} as its steps. Ignores other steps of the
 * operation.
 */
export function toSyncProgress(state: OperationState): SyncProgress {
  const stage = stageOf(state);
  const failed =
    state.status === "failed" || state.status === "cancelled" || state.status === "lost";
  const title = state.steps.find(({ id }) => id === stage)?.title ?? stage;
  return {
    stage,
    percent: Math.floor(state.percent),
    message: state.error?.message ?? state.message ?? title,
    failed,
  };
}

function stageOf({ status, current_step, steps }: OperationState): SyncStage {
  if (status === "done") return "complete";
  const current = syncStages.find((stage) => stage === current_step);
  if (current !== undefined) return current;
  const begun = steps.filter((step) => step.status !== "pending");
  return syncStages.findLast((stage) => begun.some(({ id }) => id === stage)) ?? "validating";
}
