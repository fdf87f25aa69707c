import type { OperationEvents } from "@milepost/model";
import type { Report } from "./report.ts";

/** Longest piece of text that smaller pieces are joined into, in characters. */
export const maxTextPiece = 64 * 1024;

/**
 * Returns one report with the meaning of `earlier` followed by `later`, both of the same slot, or undefined
 * when no single report has that meaning.
 *
 * Fields that `later` does not name keep their earlier value, which is how the reducer reads two reports.
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

/** Returns false when an explicit percent would outlive a later count. Such two reports are not merged. */
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
