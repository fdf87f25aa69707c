import { definedFields } from "@milepost/protocol";
import type { Accepts } from "./accepts.ts";
import { activeFrom, restedAt } from "./active-time.ts";
import { reportAgent, restAgents } from "./agents.ts";
import { reportCommand } from "./commands.ts";
import { count } from "./counters.ts";
import { dropInputs, reportInput } from "./inputs.ts";
import type { OperationEvent, OperationEventName, OperationEvents } from "./operation-event.ts";
import { writeLine } from "./operation-log.ts";
import type { OperationState } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";
import { isFinal, type Move, operationTransitions } from "./operation-transitions.ts";
import { countOn, meanPercent, reportedPercent } from "./percent.ts";
import type { ProjectionEntry } from "./projection.ts";
import { reportQuestion, withdrawQuestions } from "./questions.ts";
import { endSteps, plannedStep, replan, reportStep, resetSteps } from "./steps.ts";
import { reportText } from "./texts.ts";
import { closeAllSpans, closeSpan, openSpan } from "./timeline.ts";
import { reportArtefact, reportBeat, reportBudget, reportLink, rollUpChildren } from "./tree.ts";
import { without } from "./without.ts";

/**
 * Returns the state of an operation after one more entry of its channel. The caller must have checked the
 * entry's data; use `reduceOperation` for unchecked entries. An unknown event, for instance of a newer gateway,
 * only advances the offset.
 */
export function foldOperation(
  state: OperationState | undefined,
  entry: ProjectionEntry,
): OperationState | undefined {
  const { ts, offset } = entry;
  // An entry that is not an operation event has no row in the table of transitions and is ignored below.
  const event = entry as unknown as OperationEvent;
  if (state === undefined) {
    return event.event === "created" ? createdOperation(event.data, ts, offset) : undefined;
  }
  if (offset <= state.offset) return state;
  const isKnown = Object.hasOwn(operationTransitions[state.status], event.event);
  const move = isKnown ? moveOf(state, event) : "ignore";
  if (move === "ignore") return { ...state, offset };
  const moved = { ...moveTo(state, move, ts), offset, updated_at: ts };
  return applyEvent(endsBusy.has(event.event) ? without(moved, "busy") : moved, event);
}

/** Events after which the work moves, so that a reason why it did not is over. */
const endsBusy: ReadonlySet<string> = new Set([
  "waiting",
  "started",
  "step",
  "progress",
  "agent",
  "text",
  "paused",
  "resumed",
] satisfies OperationEventName[]);

function createdOperation(
  created: OperationEvents["created"],
  ts: number,
  offset: number,
): OperationState {
  const { operation_id, title, steps = [], ...rest } = created;
  return {
    ...rest,
    id: operation_id,
    title: title ?? created.kind,
    status: "waiting",
    attempt: 1,
    percent: 0,
    steps: steps.map(plannedStep),
    agents: [],
    execution_order: [],
    timeline: [],
    log: [],
    log_total: 0,
    log_counts: { info: 0, success: 0, warning: 0, error: 0 },
    texts: {},
    commands: [],
    created_at: ts,
    updated_at: ts,
    offset,
  };
}

/**
 * Returns the effect of an event on the operation's status: a status, `stay` or `ignore`. Replaces `return` and
 * `begin` of the transition table by their effect in this state.
 */
function moveOf(state: OperationState, { event, data }: OperationEvent): StatusMove {
  const move: Move = operationTransitions[state.status][event];
  if (move === "return") return state.before_stall ?? "running";
  if (move !== "begin") return move;
  const attempt = (data as OperationEvents["started"]).attempt ?? state.attempt;
  if (attempt > state.attempt) return "stay";
  if (state.status === "waiting") return "running";
  return isFinal(state.status) ? "ignore" : "stay";
}

type StatusMove = OperationStatus | "stay" | "ignore";

/** Applies the changes that follow from a new status, independent of the event that caused it. */
function moveTo(state: OperationState, move: StatusMove, ts: number): OperationState {
  if (move === "stay" || move === "ignore" || move === state.status) return state;
  if (isFinal(move)) return endedOperation(state, move, ts);
  // A silent producer may still be working, so steps, agents and open spans stay as they are.
  if (move === "stalled") return { ...state, status: move, before_stall: state.status };
  const counted = move === "running" ? activeFrom(state, ts) : restedAt(state, ts);
  const next = { ...without(counted, "before_stall", "silent_since"), status: move };
  const { timeline, attempt } = next;
  switch (move) {
    case "waiting":
      return { ...without(next, "reason"), timeline: closeSpan(timeline, "pause", "pause", ts) };
    case "paused": {
      const closed = closeSpan(timeline, "wait", "wait", ts);
      return {
        ...without(next, "waiting"),
        timeline: openSpan(closed, "pause", "pause", ts, attempt),
      };
    }
    case "running": {
      const closed = closeSpan(timeline, "wait", "wait", ts);
      return {
        ...without(next, "waiting", "reason"),
        timeline: closeSpan(closed, "pause", "pause", ts),
        started_at: next.started_at ?? ts,
      };
    }
  }
}

const nothing: Accepts = {};

/** Fields about what an operation does or waits for now. */
const momentary = [
  "before_stall",
  "silent_since",
  "waiting",
  "reason",
  "current_step",
  "current_agent",
  "busy",
  "estimate",
] as const;

const lastStepStatus = {
  done: "done",
  failed: "failed",
  cancelled: "skipped",
  lost: "failed",
} as const satisfies Partial<Record<OperationStatus, "done" | "failed" | "skipped">>;

function endedOperation(
  state: OperationState,
  status: keyof typeof lastStepStatus,
  ts: number,
): OperationState {
  return {
    ...without(restedAt(state, ts), ...momentary),
    status,
    percent: status === "done" ? 100 : state.percent,
    steps: endSteps(state.steps, lastStepStatus[status], ts),
    agents: restAgents(state.agents, ts),
    timeline: closeAllSpans(state.timeline, ts),
    ...(state.questions && { questions: withdrawQuestions(state.questions, status, ts) }),
    ...(state.inputs && { inputs: dropInputs(state.inputs, ts) }),
    ended_at: ts,
  };
}

/**
 * Starts a new attempt: resets the progress. The log, commands, timeline and execution order are kept as
 * history.
 */
function newAttempt(state: OperationState, attempt: number, ts: number): OperationState {
  return {
    ...without(state, ...momentary, "message", "counter", "result", "error", "ended_at"),
    status: "running",
    attempt,
    percent: state.children?.percent ?? 0,
    steps: resetSteps(state.steps),
    agents: [],
    timeline: closeAllSpans(state.timeline, ts),
    texts: {},
    started_at: ts,
    active_ms: 0,
    active_since: ts,
  };
}

/** Applies the data of an event, after the operation has entered its new status. */
function applyEvent(state: OperationState, { event, data }: OperationEvent): OperationState {
  const { updated_at: ts, offset } = state;
  switch (event) {
    case "waiting": {
      const timeline = openSpan(state.timeline, "wait", "wait", ts, state.attempt);
      return { ...state, waiting: data, timeline };
    }
    case "started": {
      const { attempt = state.attempt } = data;
      return attempt > state.attempt ? newAttempt(state, attempt, ts) : state;
    }
    case "steps":
      return replan(state, data, ts);
    case "step":
      return say(reportStep(state, data, ts), data.message);
    case "progress":
      return say(reportProgress(state, data), data.message);
    case "agent":
      return reportAgent(state, data, ts);
    case "log":
      return writeLine(state, data, ts, offset);
    case "text":
      return { ...state, texts: reportText(state.texts, data, offset) };
    case "count":
      return count(state, data);
    case "link":
      return reportLink(state, data, ts);
    case "artefact":
      return reportArtefact(state, data, ts);
    case "beat":
      return reportBeat(state, data, ts);
    case "children":
      return rollUpChildren(state, data);
    case "budget":
      return reportBudget(state, data, ts);
    case "command":
      return { ...state, commands: reportCommand(state.commands, data, ts) };
    case "accepts":
      return { ...state, accepts: { ...state.accepts, ...data } };
    case "input": {
      const { inputs = [], accepts = nothing } = state;
      const after = reportInput(inputs, data, accepts, ts, offset);
      return after === state.inputs || after.length === 0 ? state : { ...state, inputs: after };
    }
    case "question": {
      const questions = reportQuestion(state.questions ?? [], data, ts);
      return questions === state.questions || questions.length === 0
        ? state
        : { ...state, questions };
    }
    case "paused":
    case "cancelled":
      return { ...state, ...definedFields({ reason: data.reason }) };
    case "done":
      return { ...state, ...definedFields({ result: data.result }) };
    case "failed":
      return { ...state, error: data.error };
    case "stalled":
      // Nobody knows whether work was done during the silence, so it does not count as work.
      return { ...restedAt(state, ts - data.silent_ms), silent_since: ts - data.silent_ms };
    case "estimate":
      return { ...state, estimate: data };
    case "created":
    case "resumed":
    case "revived":
    case "lost":
      return state;
  }
}

function reportProgress(
  state: OperationState,
  report: OperationEvents["progress"],
): OperationState {
  const { reset = false } = report;
  const counter = countOn(reset ? undefined : state.counter, report);
  const reached = meanPercent(state.steps) ?? reportedPercent(report, counter) ?? 0;
  const own = reset ? reached : Math.max(state.percent, reached);
  const percent = state.children?.percent ?? own;
  return { ...without(state, "counter"), percent, ...definedFields({ counter }) };
}

function say(state: OperationState, message: string | undefined): OperationState {
  return message === undefined ? state : { ...state, message };
}
