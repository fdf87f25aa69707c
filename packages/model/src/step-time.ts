import { activeMs } from "./active-time.ts";
import type { OperationState, StepState } from "./operation-state.ts";

/** Difference up to which two sums of times count as equal, in milliseconds. */
const rounding = 1;

/** Parts of a state that tell how long its steps have been at work. */
type TimedState = Pick<
  OperationState,
  "active_ms" | "active_since" | "attempt" | "started_at" | "timeline"
>;

/**
 * Returns for how long the current attempt had worked at the time `ts`, of what it has worked up to `at`, in milliseconds.
 * Pauses, waits and stalls are left out. Undefined if they cannot be told apart: after a stall nobody knows which step it
 * delayed, and a long timeline drops its oldest spans.
 */
export function workedUntil(state: TimedState, ts: number, at: number): number | undefined {
  const { started_at: start, timeline, attempt } = state;
  if (start === undefined) return undefined;
  const breaks = timeline.filter(
    (span) => (span.what === "pause" || span.what === "wait") && span.attempt === attempt,
  );
  const workedTo = (end: number) =>
    breaks.reduce(
      (left, { from, to = at }) => left - Math.max(0, Math.min(to, end) - Math.max(from, start)),
      Math.max(0, end - start),
    );
  const isComplete = Math.abs(workedTo(at) - activeMs(state, at)) <= rounding;
  return isComplete ? workedTo(Math.min(ts, at)) : undefined;
}

/**
 * Returns for how long a step has worked up to `at`, or up to its end, in milliseconds; undefined where
 * {@link workedUntil} is, and for a step that has not begun.
 */
export function stepWorkedMs(
  state: TimedState,
  { started_at, ended_at }: Pick<StepState, "started_at" | "ended_at">,
  at: number,
): number | undefined {
  if (started_at === undefined) return undefined;
  const [from, to] = [workedUntil(state, started_at, at), workedUntil(state, ended_at ?? at, at)];
  return from === undefined || to === undefined ? undefined : to - from;
}

/**
 * Returns the ids of the running steps that take longer than usual: longer than in nine of ten runs of the kind. Empty while
 * the operation does not run, and where nothing is known.
 */
export function slowSteps(state: OperationState, now: number): readonly string[] {
  const usual = new Map(state.estimate?.usual_steps?.map(({ id, p90_ms }) => [id, p90_ms]));
  if (state.status !== "running" || usual.size === 0) return [];
  return state.steps.flatMap((step) => {
    const p90 = usual.get(step.id);
    if (p90 === undefined || step.status !== "running") return [];
    return (stepWorkedMs(state, step, now) ?? 0) > p90 ? [step.id] : [];
  });
}
