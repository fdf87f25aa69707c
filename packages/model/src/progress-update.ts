import type { LogLine, OperationState, TimelineSpan } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";

/**
 * The document of the plain feed `/ws/progress/{session_id}`: the whole picture of one run.
 *
 * Every document is complete, so a reader that missed some has lost nothing but intermediate pictures;
 * `sequence` rises with each event of the run and tells a newer document from an older one.
 */
export interface ProgressUpdate {
  readonly type: "progress_update";
  readonly session_id: string;
  readonly transaction_id: string;
  readonly kind: string;
  readonly title: string;
  readonly status: OperationStatus;
  readonly attempt: number;
  readonly percent: number;
  readonly message: string | null;
  readonly current_step: string | null;
  readonly current_agent: string | null;
  /** Per agent the tasks it is at now. */
  readonly current_tasks: Readonly<Record<string, readonly string[]>>;
  readonly steps: OperationState["steps"];
  /** The latest lines of the run's log, each with its unique `seq`. */
  readonly events: readonly LogLine[];
  readonly execution_order: readonly string[];
  readonly timeline: readonly TimelineSpan[];
  readonly error: OperationState["error"] | null;
  readonly sequence: number;
  /** ISO 8601. */
  readonly timestamp: string;
}
