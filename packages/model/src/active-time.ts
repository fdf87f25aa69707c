import type { OperationState } from "./operation-state.ts";
import { without } from "./without.ts";

type ActiveTime = Pick<OperationState, "active_ms" | "active_since">;

/** Returns the state of an operation that works from `ts` on, or has done so before. */
export function activeFrom(state: OperationState, ts: number): OperationState {
  return state.active_since === undefined ? { ...state, active_since: ts } : state;
}

/** Returns the state of an operation that has not worked since `ts`: that time and the time after do not count. */
export function restedAt(state: OperationState, ts: number): OperationState {
  if (state.active_since === undefined) return state;
  return { ...without(state, "active_since"), active_ms: activeMs(state, ts) };
}

/**
 * Returns for how long the current attempt of an operation has been running up to a time, in milliseconds. Pauses, waits and
 * stalls are left out.
 */
export function activeMs({ active_ms = 0, active_since }: ActiveTime, now: number): number {
  return active_ms + (active_since === undefined ? 0 : Math.max(0, now - active_since));
}
