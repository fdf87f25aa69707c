import type { OperationState } from "./operation-state.ts";
import type { ProgressUpdate } from "./progress-update.ts";

/** Returns the document that the session feed of `sessionId` shows for an operation. */
export function toProgressUpdate(state: OperationState, sessionId: string): ProgressUpdate {
  return {
    type: "progress_update",
    session_id: sessionId,
    transaction_id: state.id,
    kind: state.kind,
    title: state.title,
    status: state.status,
    attempt: state.attempt,
    percent: state.percent,
    message: state.message ?? null,
    current_step: state.current_step ?? null,
    current_agent: state.current_agent ?? null,
    // `Object.fromEntries` defines own fields, so an agent named __proto__ is handled like any other.
    current_tasks: Object.fromEntries(
      state.agents.flatMap(({ id, tasks, active }) => (active ? [[id, tasks]] : [])),
    ),
    steps: state.steps,
    events: state.log,
    progress_events: state.log,
    execution_order: state.execution_order,
    timeline: state.timeline,
    error: state.error ?? null,
    sequence: state.offset,
    timestamp: new Date(state.updated_at).toISOString(),
  };
}
