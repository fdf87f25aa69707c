import { changeItems } from "./item-list.ts";
import { type OperationState, operationBounds, type TimelineSpan } from "./operation-state.ts";

type What = TimelineSpan["what"];
type Timeline = OperationState["timeline"];

/**
 * Opens a span on the timeline, unless a span of the same step, agent, wait or pause is open. Above the bound,
 * drops the oldest spans.
 */
export function openSpan(
  timeline: Timeline,
  what: What,
  id: string,
  from: number,
  attempt: number,
): Timeline {
  if (timeline.some((span) => isOpen(span, what, id))) return timeline;
  return [...timeline, { what, id, from, attempt }].slice(-operationBounds.timeline);
}

/** Closes the open span of a step, agent, wait or pause, if there is one. */
export function closeSpan(timeline: Timeline, what: What, id: string, to: number): Timeline {
  return changeItems(
    timeline,
    (span) => isOpen(span, what, id),
    (span) => ({ ...span, to }),
  );
}

/** Closes every open span. */
export function closeAllSpans(timeline: Timeline, to: number): Timeline {
  return changeItems(
    timeline,
    (span) => span.to === undefined,
    (span) => ({ ...span, to }),
  );
}

/** Appends the id of a step or agent to the execution order, unless the order already contains it. */
export function beganInOrder(order: readonly string[], id: string): readonly string[] {
  return order.includes(id) ? order : [...order, id].slice(-operationBounds.executionOrder);
}

function isOpen(span: TimelineSpan, what: What, id: string): boolean {
  return span.to === undefined && span.what === what && span.id === id;
}
