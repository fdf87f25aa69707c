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
  /** Current tasks of each agent that is at work, by agent id; an agent that has ended is not listed. */
  readonly current_tasks: Readonly<Record<string, readonly string[]>>;
  readonly steps: OperationState["steps"];
  /** Latest lines of the operation's log, each with its unique `seq`. */
  readonly events: readonly LogLine[];
  /** The same lines as `events`, for clients that know them by this name. */
  readonly progress_events: readonly LogLine[];
  readonly execution_order: readonly string[];
  readonly timeline: readonly TimelineSpan[];
  readonly error: OperationState["error"] | null;
  readonly sequence: number;
  /** Time of the last change, as ISO 8601. */
  readonly timestamp: string;
}
