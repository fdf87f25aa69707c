import { definedFields } from "@milepost/protocol";
import { changeItems, putItem } from "./item-list.ts";
import type { OperationEvents, StepPlan } from "./operation-event.ts";
import { type OperationState, operationBounds, type StepState } from "./operation-state.ts";
import { countOn, meanPercent, reportedPercent } from "./percent.ts";
import { beganInOrder, closeSpan, openSpan } from "./timeline.ts";
import { without } from "./without.ts";

function isRunning({ status }: StepState): boolean {
  return status === "running";
}

/** Returns a planned step before it begins. */
export function plannedStep({ id, title, weight }: StepPlan): StepState {
  return { id, title: title ?? id, weight: weight ?? 1, status: "pending", percent: 0 };
}

/**
 * Applies a new plan. Steps that are also in the new plan keep their state. Dropped steps are removed and their
 * timeline spans closed. New steps are pending.
 */
export function replan(
  state: OperationState,
  { steps: plan }: OperationEvents["steps"],
  ts: number,
): OperationState {
  const before = new Map(state.steps.map((step) => [step.id, step]));
  const steps = plan.map((planned) => {
    const step = before.get(planned.id);
    before.delete(planned.id);
    if (step === undefined) return plannedStep(planned);
    return { ...step, title: planned.title ?? step.title, weight: planned.weight ?? step.weight };
  });
  let { timeline } = state;
  for (const { id } of before.values()) timeline = closeSpan(timeline, "step", id, ts);
  return withSteps({ ...state, timeline }, steps, state.current_step);
}

/** Applies a report about a step: it begins, advances or ends. */
export function reportStep(
  state: OperationState,
  report: OperationEvents["step"],
  ts: number,
): OperationState {
  const before = state.steps.find(({ id }) => id === report.id) ?? plannedStep(report);
  const status = reportedStatus(before, report);
  const begins = beginsNow(before, status);
  const step = advance(before, report, status, ts);
  const steps = putItem(state.steps, step, operationBounds.steps, (one) => !isRunning(one));
  const next = withSteps(state, steps, status === "running" ? step.id : state.current_step);
  const ends = status !== "running" && (begins || before.status === "running");
  if (!begins && !ends) return next;
  let { timeline, execution_order } = next;
  if (begins) {
    timeline = openSpan(timeline, "step", step.id, ts, state.attempt);
    execution_order = beganInOrder(execution_order, step.id);
  }
  if (ends) timeline = closeSpan(timeline, "step", step.id, ts);
  return { ...next, timeline, execution_order };
}

/** Returns the steps of a new attempt: all of them are pending. */
export function resetSteps(steps: readonly StepState[]): readonly StepState[] {
  return steps.map(plannedStep);
}

/** Returns the steps of an operation that has ended. Running steps get `status`; the others stay unchanged. */
export function endSteps(
  steps: readonly StepState[],
  status: "done" | "failed" | "skipped",
  ts: number,
): readonly StepState[] {
  return changeItems(steps, isRunning, (step) => ({
    ...step,
    status,
    percent: status === "done" ? 100 : step.percent,
    ended_at: ts,
  }));
}

/**
 * Returns the status of a step after a report. A late report from parallel work must not start an ended step
 * again; only an explicit `running` does.
 */
function reportedStatus(before: StepState, report: OperationEvents["step"]): StepState["status"] {
  return report.status ?? (before.status === "pending" ? "running" : before.status);
}

function beginsNow(before: StepState, status: StepState["status"]): boolean {
  if (before.status === "running" || status === "skipped") return false;
  return status === "running" || before.started_at === undefined;
}

function advance(
  before: StepState,
  report: OperationEvents["step"],
  status: StepState["status"],
  ts: number,
): StepState {
  const begins = beginsNow(before, status);
  const base = begins ? plannedStep(before) : before;
  const counter = countOn(base.counter, report);
  const percent = Math.max(base.percent, reportedPercent(report, counter) ?? 0);
  return {
    ...base,
    status,
    percent: status === "done" ? 100 : percent,
    ...definedFields({
      title: report.title,
      message: report.message,
      counter,
      started_at: begins ? ts : undefined,
      ended_at: status !== "running" && status !== before.status ? ts : undefined,
    }),
  };
}

function withSteps(
  state: OperationState,
  steps: readonly StepState[],
  wanted: string | undefined,
): OperationState {
  const running = steps.filter(isRunning);
  const current = running.find(({ id }) => id === wanted) ?? running.at(-1);
  const percent = state.children?.percent ?? Math.max(state.percent, meanPercent(steps) ?? 0);
  const next = { ...without(state, "current_step"), steps, percent };
  return { ...next, ...definedFields({ current_step: current?.id }) };
}
