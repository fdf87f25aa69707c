import { definedFields } from "@milepost/protocol";
import { withChildCounters } from "./counters.ts";
import { putItem } from "./item-list.ts";
import type { OperationEvents } from "./operation-event.ts";
import type { OperationState } from "./operation-state.ts";
import { isFinal } from "./operation-transitions.ts";
import { treeBounds } from "./tree-fields.ts";
import { without } from "./without.ts";

/**
 * Applies what the children have done together. The percentage of a parent that has not ended is that of its children,
 * where they have a weight; it falls when they fall or get siblings. An older report of the children changes nothing.
 */
export function rollUpChildren(
  state: OperationState,
  children: OperationEvents["children"],
): OperationState {
  if (state.children !== undefined && children.revision <= state.children.revision) return state;
  const counters = withChildCounters(state.counters, state.children?.counters, children.counters);
  const percent = isFinal(state.status) ? undefined : children.percent;
  return { ...state, children, ...definedFields({ counters, percent }) };
}

/** Applies a link: a new one, or one in the place of that with its id. A full list drops its oldest link. */
export function reportLink(
  state: OperationState,
  { id, title = id, url }: OperationEvents["link"],
  at: number,
): OperationState {
  const links = putItem(state.links ?? [], { id, title, url, at }, treeBounds.links, () => true);
  return { ...state, links };
}

/** Applies an artefact: a new one, or one in the place of that with its name. A full list drops its oldest artefact. */
export function reportArtefact(
  state: OperationState,
  report: OperationEvents["artefact"],
  at: number,
): OperationState {
  const before = state.artefacts ?? [];
  const after = { ...report, at };
  const index = before.findIndex(({ name }) => name === report.name);
  const artefacts =
    index >= 0 ? before.with(index, after) : [...before, after].slice(-treeBounds.artefacts);
  return { ...state, artefacts };
}

/** Applies a beat: it says why nothing moves, or that the reason is over. The same reason keeps its beginning. */
export function reportBeat(
  state: OperationState,
  { reason, until }: OperationEvents["beat"],
  at: number,
): OperationState {
  if (reason === undefined && until === undefined) return without(state, "busy");
  const text = reason ?? "";
  const since = state.busy?.reason === text ? state.busy.since : at;
  return { ...state, busy: { reason: text, ...definedFields({ until }), since } };
}

/** Applies what has come of an operation's budget. */
export function reportBudget(
  state: OperationState,
  { phase, limit, spent, question_id }: OperationEvents["budget"],
  at: number,
): OperationState {
  if (state.budget === undefined) return state;
  const { counter } = state.budget;
  switch (phase) {
    case "passed":
      return {
        ...state,
        budget: { counter, limit, passed_at: at, ...definedFields({ spent, question_id }) },
      };
    case "extended":
      return { ...state, budget: { counter, limit } };
    case "stopped":
      return { ...state, budget: { ...state.budget, stopped: true } };
  }
}
