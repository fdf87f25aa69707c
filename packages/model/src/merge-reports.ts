import type { OperationEvent, OperationEvents } from "./operation-event.ts";
import { parseOperationEvent } from "./parse-operation-event.ts";
import type { ReportedProgress } from "./percent.ts";

/**
 * Merges two reports into one, placed at the position and time of `later`. The merged data folds to the same
 * state as `earlier` followed by `later`. Returns undefined if there is no such data. All three reports are
 * neighbours in the log and have the same event name.
 *
 * `first` comes right before them and is not merged. It proves that neither report begins anything, because the
 * time of a beginning must not be lost. One detail is not exact: how much of an overlong text is cut at its
 * beginning depends on the pieces.
 */
export function mergeReports(
  event: string,
  first: unknown,
  earlier: unknown,
  later: unknown,
): object | undefined {
  const a = parseOperationEvent(event, first);
  const b = parseOperationEvent(event, earlier);
  const c = parseOperationEvent(event, later);
  if (!a.ok || !b.ok || !c.ok) return undefined;
  if (!goesOn(a.value, b.value) || !goesOn(b.value, c.value)) return undefined;
  const data = united(b.value, c.value);
  // Two pieces that are valid alone may together exceed the bounds of one event.
  return data !== undefined && parseOperationEvent(event, data).ok ? data : undefined;
}

/**
 * True if `report` only continues what `before` was about: the same step, agent or stream in the same status,
 * without a reset. It may also complete a text.
 */
function goesOn(before: OperationEvent, report: OperationEvent): boolean {
  if (before.event === "waiting" && report.event === "waiting") return true;
  if (before.event === "progress" && report.event === "progress") return !report.data.reset;
  if (before.event === "step" && report.event === "step") {
    const { id, status } = report.data;
    if (id !== before.data.id) return false;
    return status === undefined || (status === "running" && before.data.status === "running");
  }
  if (before.event === "agent" && report.event === "agent") {
    const { id, active } = report.data;
    return id === before.data.id && (active === undefined || active === before.data.active);
  }
  if (before.event === "text" && report.event === "text") {
    const { stream, reset } = report.data;
    return stream === before.data.stream && !reset && !before.data.done;
  }
  return false;
}

function united(earlier: OperationEvent, later: OperationEvent): object | undefined {
  if (later.event === "waiting") return later.data;
  if (earlier.event === "text" && later.event === "text") {
    const append = (earlier.data.append ?? "") + (later.data.append ?? "");
    return { ...earlier.data, ...later.data, append };
  }
  if (earlier.event === "agent" && later.event === "agent") {
    return unitedAgent(earlier.data, later.data);
  }
  if (
    (earlier.event === "step" && later.event === "step") ||
    (earlier.event === "progress" && later.event === "progress")
  ) {
    if (hidesPercent(earlier.data, later.data)) return undefined;
    const data = { ...earlier.data, ...later.data };
    const { percent } = earlier.data;
    if (percent === undefined || later.data.percent === undefined) return data;
    return { ...data, percent: Math.max(percent, later.data.percent) };
  }
  return undefined;
}

/**
 * Merges two reports about an agent. A resting agent loses its tasks. If only `earlier` names tasks, the
 * reports are therefore merged only when they say that the agent is active.
 */
function unitedAgent(
  earlier: OperationEvents["agent"],
  later: OperationEvents["agent"],
): object | undefined {
  const data = { ...earlier, ...later };
  const staysActive = data.active === true;
  return later.tasks === undefined && earlier.tasks !== undefined && !staysActive
    ? undefined
    : data;
}

/**
 * True if a merge could lose the percentage of `earlier`: it could be higher than the merged one, or be
 * replaced by a count. Percentages never fall, so it must not be lost.
 */
function hidesPercent(earlier: ReportedProgress, later: ReportedProgress): boolean {
  const counted = isCounted(earlier);
  if (earlier.percent !== undefined) return later.percent === undefined && isCounted(later);
  if (!counted) return false;
  if (later.percent !== undefined) return true;
  if (!isCounted(later)) return false;
  const sameTotal = later.total === undefined || later.total === earlier.total;
  return !sameTotal || (earlier.done ?? Infinity) > (later.done ?? -1);
}

function isCounted({ done, total }: ReportedProgress): boolean {
  return done !== undefined || total !== undefined;
}
