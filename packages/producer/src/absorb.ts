import { eventBounds } from "@milepost/model";
import { maxTextPiece } from "./merge.ts";
import { type Report, textBytes } from "./report.ts";

type Fields = Record<string, string | number | boolean | undefined>;

/**
 * Merges a frequent kind of report into a waiting one, in place: a plain update of the same step or of the whole
 * progress, or a piece of the same text stream. A job may report thousands of these in a second, so this path
 * allocates nothing and looks at each field once.
 *
 * Returns by how many bytes `into` grew, as `reportBytes` counts them. Returns undefined, with `into` unchanged, for
 * any other report, such as one of another slot; the slower path then makes it valid and merges or queues it. `into`
 * must belong to the caller and have been made valid. May throw if `report` has getters that do.
 */
export function absorb(into: Report, report: Report): number | undefined {
  if (report.event === "text") return into.event === "text" ? absorbText(into, report) : undefined;
  if (report.event !== into.event) return undefined;
  if (report.event !== "step" && report.event !== "progress") return undefined;
  return absorbUpdate(into.data as unknown as Fields, report.data as unknown as Fields);
}

function absorbText(
  { data: into }: Report & { event: "text" },
  { data }: Report & { event: "text" },
): number | undefined {
  const { append } = data;
  if (data.stream !== into.stream) return undefined;
  if (typeof append !== "string" || data.done !== undefined || data.reset !== undefined) {
    return undefined;
  }
  const before = into.append;
  if (into.done || before === undefined) return undefined;
  if (before.length + append.length > maxTextPiece) return undefined;
  (into as { append: string }).append = before + append;
  return textBytes(append);
}

function absorbUpdate(into: Fields, fields: Fields): number | undefined {
  if (fields.id !== into.id) return undefined;
  // After the end of a step, the next update begins it again.
  if (into.status !== undefined && into.status !== "running") return undefined;
  let growth = 0;
  for (const name in fields) {
    const value = fields[name];
    if (name === "done" || name === "total" || name === "percent") {
      const max = name === "percent" ? 100 : Number.MAX_SAFE_INTEGER;
      if (typeof value !== "number" || !(value >= 0 && value <= max)) return undefined;
      if (into[name] === undefined) growth += name.length + 12;
      // A count may not keep an outdated percentage beside it.
      if (name !== "percent" && into.percent !== undefined && fields.percent === undefined) {
        return undefined;
      }
    } else if (name === "message") {
      if (typeof value !== "string" || value.length > eventBounds.message) return undefined;
      const before = into.message;
      growth += textBytes(value) - (typeof before === "string" ? textBytes(before) : -13);
    } else if (name !== "id") return undefined;
  }
  for (const name in fields) {
    if (name !== "id") into[name] = fields[name];
  }
  return growth;
}
