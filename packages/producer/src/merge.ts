import { addAmounts, type OperationEvents } from "@milepost/model";
import type { Report } from "./report.ts";

/** Maximum length of the piece that several smaller pieces of text are joined into, in characters. */
export const maxTextPiece = 64 * 1024;

/**
 * Returns one report with the meaning of `earlier` followed by `later`, or undefined if no single report has
 * that meaning. Both reports must be in the same slot; see `slotOf`.
 *
 * Fields that `later` does not have keep the value of `earlier`. The reducer reads two separate reports in the
 * same way.
 */
export function mergeReports(earlier: Report, later: Report): Report | undefined {
  if (earlier.event === "waiting" && later.event === "waiting") return later;
  if (earlier.event === "agent" && later.event === "agent") {
    return { event: "agent", data: { ...earlier.data, ...later.data } };
  }
  if (earlier.event === "count" && later.event === "count") {
    const { name, add } = later.data;
    return { event: "count", data: { name, add: addAmounts(earlier.data.add, add) } };
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

/**
 * Returns true if two reports can be merged without keeping an outdated percentage. Returns false if `earlier`
 * has an explicit percentage and `later` has only a count.
 */
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
