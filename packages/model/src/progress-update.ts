import type { LogLine, OperationState, TimelineSpan } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";

/**
 * The document of the session feed `/ws/progress/{session_id}`: the whole state of one operation.
 *
 * Every document is complete, so a client that missed some documents lost only intermediate states. `sequence`
 * grows with each event of the operation, so the document with the higher `sequence` is newer.
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
  /** Current tasks of each agent, by agent id. */
  readonly current_tasks: Readonly<Record<string, readonly string[]>>;
  readonly steps: OperationState["steps"];
  /** Latest lines of the operation's log, each with its unique `seq`. */
  readonly events: readonly LogLine[];
  readonly execution_order: readonly string[];
  readonly timeline: readonly TimelineSpan[];
  readonly error: OperationState["error"] | null;
  readonly sequence: number;
  /** Time of the last change, as ISO 8601. */
  readonly timestamp: string;
}
