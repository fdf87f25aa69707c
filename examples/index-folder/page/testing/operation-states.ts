import type { OperationState } from "@milepost/model";

/** Returns the state of a run in its second step; tests override the fields they need. */
export function runningState(change: Partial<OperationState> = {}): OperationState {
  return {
    id: "run-1",
    kind: "index-folder",
    title: "Index docs",
    status: "running",
    attempt: 1,
    percent: 40,
    steps: [
      { id: "scan", title: "Scan", weight: 1, status: "done", percent: 100 },
      { id: "read", title: "Read", weight: 3, status: "running", percent: 20 },
    ],
    current_step: "read",
    agents: [],
    execution_order: ["scan", "read"],
    timeline: [
      { what: "step", id: "scan", from: 1_000, to: 2_000, attempt: 1 },
      { what: "step", id: "read", from: 2_000, attempt: 1 },
    ],
    log: [],
    log_total: 0,
    log_counts: { info: 0, success: 0, warning: 0, error: 0 },
    texts: {},
    commands: [],
    created_at: 1_000,
    started_at: 1_000,
    updated_at: 3_000,
    offset: 7,
    ...change,
  };
}
