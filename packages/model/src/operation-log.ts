import { definedFields } from "@milepost/protocol";
import type { OperationEvents } from "./operation-event.ts";
import { type LogLine, type OperationState, operationBounds } from "./operation-state.ts";

/**
 * Adds a line to the operation's log. If the log then has more lines than `operationBounds.log`, the oldest
 * lines are dropped; the counts still include them.
 */
export function writeLine(
  state: OperationState,
  line: OperationEvents["log"],
  at: number,
  seq: number,
): OperationState {
  const { level = "info", message, agent, step, data } = line;
  const written: LogLine = {
    seq,
    at,
    level,
    message,
    ...definedFields({ agent, step, data }),
  };
  return {
    ...state,
    log: [...state.log.slice(1 - operationBounds.log), written],
    log_total: state.log_total + 1,
    log_counts: { ...state.log_counts, [level]: state.log_counts[level] + 1 },
  };
}
