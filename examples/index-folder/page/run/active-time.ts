import type { OperationState } from "@milepost/model";

type Timed = Pick<OperationState, "timeline" | "attempt" | "started_at" | "ended_at">;

/** Returns when the current attempt began: at its first span that is not a wait, else at `started_at`. */
export function attemptStart({ timeline, attempt, started_at }: Timed): number | undefined {
  const first = timeline.find((span) => span.attempt === attempt && span.what !== "wait");
  if (!first) return started_at;
  return attempt === 1 && started_at !== undefined ? Math.min(first.from, started_at) : first.from;
}

/** Returns how long the current attempt has lasted at `now`, including pauses, in milliseconds. */
export function elapsedTime(state: Timed, now: number): number | undefined {
  const start = attemptStart(state);
  return start === undefined ? undefined : Math.max(0, (state.ended_at ?? now) - start);
}

/** Returns how long the current attempt has worked at `now`, without pauses, in milliseconds. */
export function activeTime(state: Timed, now: number): number | undefined {
  const elapsed = elapsedTime(state, now);
  if (elapsed === undefined) return undefined;
  const end = state.ended_at ?? now;
  const paused = state.timeline
    .filter(({ what, attempt }) => what === "pause" && attempt === state.attempt)
    .reduce((sum, { from, to = end }) => sum + Math.max(0, to - from), 0);
  return Math.max(0, elapsed - paused);
}

/**
 * Estimates the remaining time of an attempt, in milliseconds: at the mean of the recent rate and the rate of
 * the whole attempt, or at the latter alone when there is no recent rate. Undefined while too little is known.
 */
export function remainingTime(
  percent: number,
  activeMs: number | undefined,
  percentPerSecond: number | undefined,
): number | undefined {
  if (percent >= 100) return 0;
  if (activeMs === undefined || activeMs < 1_500 || percent < 1) return undefined;
  const overall = percent / (activeMs / 1000);
  // The two rates are averaged because steps differ in how realistic their weights are, and neither rate shows
  // it.
  const rate = percentPerSecond ? (overall + percentPerSecond) / 2 : overall;
  return ((100 - percent) / rate) * 1000;
}
