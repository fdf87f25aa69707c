import { addAmounts } from "./amount.ts";
import type { OperationEvent, OperationEvents } from "./operation-event.ts";
import { parseOperationEvent } from "./parse-operation-event.ts";
import type { ReportedProgress } from "./percent.ts";

/**
 * Merges the data of two reports into one. The merged report takes the position and time of `later`. It folds
 * to the same state as `earlier` followed by `later`. Returns undefined if the two cannot be merged.
 *
 * `first`, `earlier` and `later` are consecutive entries of the log and have the same event name. `first` is
 * not merged. It shows that `earlier` and `later` only continue something that had begun before: a report that
 * begins something must stay, because its time is the time of the beginning. One detail is not exact: when a
 * text exceeds its bound, the number of characters removed from its beginning depends on the sizes of its
 * pieces.
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
  // Two pieces of text that are each within the bounds of one event may exceed them when joined.
  return data !== undefined && parseOperationEvent(event, data).ok ? data : undefined;
}

/**
 * True if `report` continues the step, agent or text stream of `before` in the same status and without a reset.
 * A report that completes a text also continues it.
 */
function goesOn(before: OperationEvent, report: OperationEvent): boolean {
  if (before.event === "waiting" && report.event === "waiting") return true;
  if (before.event === "estimate" && report.event === "estimate") return true;
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
  if (before.event === "count" && report.event === "count") {
    return report.data.name === before.data.name;
  }
  if (before.event === "beat" && report.event === "beat") {
    return report.data.reason === before.data.reason;
  }
  if (before.event === "children" && report.event === "children") {
    return report.data.revision > before.data.revision;
  }
  return false;
}

function united(earlier: OperationEvent, later: OperationEvent): object | undefined {
  if (later.event === "waiting" || later.event === "beat") return later.data;
  if (later.event === "children" || later.event === "estimate") return later.data;
  if (earlier.event === "count" && later.event === "count") {
    return { name: later.data.name, add: addAmounts(earlier.data.add, later.data.add) };
  }
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
 * Merges two reports about an agent. An agent that becomes inactive loses its tasks. If only `earlier` has
 * tasks, the reports are therefore merged only if the merged report says that the agent is active.
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
 * True if a merge could lose the percentage of `earlier`: the merged percentage could be lower, or a count
 * could replace it. The percentage of an operation never falls, so it must not be lost.
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
