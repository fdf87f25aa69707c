import type { OperationState } from "./operation-state.ts";

/** The position of an operation in a queue. The operation at position 1 is the next to run. */
export interface QueuePosition {
  readonly position: number;
  readonly total: number;
  /** Estimated wait in milliseconds; null if it cannot be estimated. */
  readonly estimated_wait_ms: number | null;
}

/** Returns the position of an operation in its queue; null if it does not wait in one. */
export function toQueuePosition(state: OperationState): QueuePosition | null {
  if (state.waiting === undefined) return null;
  const { position, total, estimated_wait_ms } = state.waiting;
  return { position, total, estimated_wait_ms: estimated_wait_ms ?? null };
}
