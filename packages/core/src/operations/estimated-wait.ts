import type { OperationState } from "@milepost/model";
import type { DurationRange } from "../estimates/estimate-range.ts";

/** Change of the time left from which on a waiting operation gets a new estimate. */
const material = 0.1;
/** Shortest time between two estimates of a waiting operation, in milliseconds. */
const intervalMs = 5_000;

/** Returns the time left of a run that waits in a queue first. Its wait and its work are independent of each other. */
export function withWait({ waiting }: OperationState, work: DurationRange): DurationRange {
  const wait = waiting?.estimated_wait_ms ?? 0;
  return { p50_ms: Math.round(wait + work.p50_ms), p90_ms: Math.round(wait + work.p90_ms) };
}

/** True if a waiting operation should be told a time left, because it differs from what was told. */
export function isWaitNews(
  { estimate }: OperationState,
  { p50_ms }: DurationRange,
  at: number,
): boolean {
  if (estimate?.remaining === undefined) return true;
  const passed = at - estimate.at;
  const expected = Math.max(0, estimate.remaining.p50_ms - passed);
  return (
    passed >= intervalMs && Math.abs(p50_ms - expected) > material * Math.max(p50_ms, expected)
  );
}
