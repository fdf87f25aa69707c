import { foldOperation } from "./fold-operation.ts";
import type { OperationState } from "./operation-state.ts";
import { parseOperationEvent } from "./parse-operation-event.ts";
import type { ProjectionEntry } from "./projection.ts";

/**
 * Returns the state of an operation after one more entry of its channel.
 *
 * The state begins with the event `created`; before that it is undefined. An entry whose offset is not higher
 * than the state's offset changes nothing and returns the same state. An entry only advances the offset if it
 * is no operation event, is malformed, or is not allowed in the current status. Never throws. Parts of the
 * state that do not change stay the same objects.
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
