import type { OperationEvent, OperationEvents } from "./operation-event.ts";
import { parseOperationEvent } from "./parse-operation-event.ts";
import type { ReportedProgress } from "./percent.ts";

/**
 * The data of one report that folds to what `earlier` and then `later` fold to, at the place and time of `later`; undefined
 * where there is none. All three are neighbours in the log and have the same event name.
 *
 * `first` comes right before them and is not merged: only after it is it known that neither of the two begins
 * anything, whose time would be lost. One thing is not exact: where a text outgrows its bound, how much of its
 * beginning is cut depends on the pieces.
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
  // Two pieces together may be more than one may be.
  return data !== undefined && parseOperationEvent(event, data).ok ? data : undefined;
}

/** Whether the second changes nothing but how far that is which the first was about. */
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

/** One that rests has no tasks, unless its last report names them. */
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
 * Whether the percentage that the earlier gives could be higher than that of both together, or give way to another
 * way of telling it: percentages never fall, so it must not be lost.
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
