import { foldOperation } from "./fold-operation.ts";
import type { OperationState } from "./operation-state.ts";
import { parseOperationEvent } from "./parse-operation-event.ts";
import type { ProjectionEntry } from "./projection.ts";

/**
 * The state of an operation after one more entry of its channel.
 *
 * Begins with `created`; before that there is no state. An entry at or before the state's offset changes
 * nothing and gives the same state back. One that is not an event of an operation, is malformed, or comes
 * at the wrong time only moves the offset on. Never throws. Unchanged parts keep their identity.
 */
export function reduceOperation(state: OperationState, entry: ProjectionEntry): OperationState;
export function reduceOperation(
  state: OperationState | undefined,
  entry: ProjectionEntry,
): OperationState | undefined;
export function reduceOperation(
  state: OperationState | undefined,
  entry: ProjectionEntry,
): OperationState | undefined {
  const { ts, offset } = entry;
  if (!Number.isSafeInteger(offset) || !Number.isFinite(ts)) return state;
  if (state !== undefined && offset <= state.offset) return state;
  const read = parseOperationEvent(entry.event, entry.data);
  if (read.ok) return foldOperation(state, { ...read.value, ts, offset });
  return state === undefined ? undefined : { ...state, offset };
}
