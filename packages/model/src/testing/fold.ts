import type { OperationState } from "../operation-state.ts";
import { reduceOperation } from "../reduce-operation.ts";
import { type AnyEvent, happened, logOf } from "./any-operation-entry.ts";

/**
 * Returns the state of an operation after `created` and the given events. If the first event is a `created`, it
 * replaces the default one, which has no steps.
 */
export function fold(...events: readonly AnyEvent[]): OperationState {
  const all =
    events[0]?.event === "created"
      ? events
      : [happened("created", { operation_id: "9", kind: "index" }), ...events];
  return foldOn(undefined, all);
}

/** Returns the state after more events. */
export function foldOn(
  before: OperationState | undefined,
  events: readonly AnyEvent[],
): OperationState {
  let state = before;
  for (const entry of logOf(events, (before?.offset ?? 0) + 1))
    state = reduceOperation(state, entry);
  if (state === undefined) throw new Error("the log does not begin with created");
  return state;
}
