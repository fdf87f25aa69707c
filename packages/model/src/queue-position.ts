import type { OperationState } from "./operation-state.ts";

/** Where work stands in a line; position 1 is next. */
export interface QueuePosition {
  readonly position: number;
  readonly total: number;
  /** Null when nobody can tell. */
  readonly estimated_wait_ms: number | null;
}

/** Where an operation stands in its line; null when it does not wait in one. */
export function toQueuePosition(state: OperationState): QueuePosition | null {
  if (state.waiting === undefined) return null;
  const { position, total, estimated_wait_ms } = state.waiting;
  return { position, total, estimated_wait_ms: estimated_wait_ms ?? null };
}
