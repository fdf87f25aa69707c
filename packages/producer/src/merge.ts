import type { OperationEvents } from "@milepost/model";
import type { Report } from "./report.ts";

/** The longest piece of text that is joined from smaller ones, in characters. */
export const maxTextPiece = 64 * 1024;

/**
 * One report that means what `earlier` and then `later` mean, both of the same slot, or undefined where none
 * does.
 *
 * Fields that `later` does not name stay as they were, which is how the reducer reads two reports.
 */
export function mergeReports(earlier: Report, later: Report): Report | undefined {
  if (earlier.event === "waiting" && later.event === "waiting") return later;
  if (earlier.event === "agent" && later.event === "agent") {
    return { event: "agent", data: { ...earlier.data, ...later.data } };
  }
  if (earlier.event === "text" && later.event === "text") {
    return mergeText(earlier.data, later.data);
  }
  if (earlier.event === "step" && later.event === "step") {
    if (!countsAlike(earlier.data, later.data)) return undefined;
    return { event: "step", data: { ...earlier.data, ...later.data } };
  }
  if (earlier.event === "progress" && later.event === "progress") {
    if (!countsAlike(earlier.data, later.data)) return undefined;
    return { event: "progress", data: { ...earlier.data, ...later.data } };
  }
  return undefined;
}

interface Counted {
  readonly percent?: number;
  readonly done?: number;
  readonly total?: number;
}

/** A percent said outright must not outlive a count that says more: such two stay two. */
function countsAlike(earlier: Counted, later: Counted): boolean {
  if (later.percent !== undefined || earlier.percent === undefined) return true;
  return later.done === undefined && later.total === undefined;
}

function mergeText(
  earlier: OperationEvents["text"],
  later: OperationEvents["text"],
): Report | undefined {
  if (earlier.done || later.reset) return undefined;
  const append = (earlier.append ?? "") + (later.append ?? "");
  if (append.length > maxTextPiece) return undefined;
  return {
    event: "text",
    data: {
      stream: earlier.stream,
      append,
      ...(earlier.reset ? { reset: true } : {}),
      ...(later.done ? { done: true } : {}),
    },
  };
}
