import { eventBounds, parseOperationEvent } from "@milepost/model";
import type { Report } from "./report.ts";

/** A report that can be sent, or undefined if none can, and a complaint about what was left out. */
export interface SanitizedReport {
  readonly report: Report | undefined;
  readonly complaint: string | undefined;
}

/**
 * Returns a report that can be sent. Values that are not JSON are left out or replaced by their JSON form.
 * Numbers that are not finite are left out, percentages are clamped to 0–100, and long messages are cut. A
 * report that the gateway would still refuse is refused here, before it is merged with others.
 *
 * The result shares no objects with the input, so the caller may reuse its objects. May throw for values that
 * do not have their declared type.
 */
export function sanitizeReport(report: Report): SanitizedReport {
  if (report.event === "step" && isPlainStep(report.data)) {
    return { report: { event: "step", data: { ...report.data } }, complaint: undefined };
  }
  const { data, complaint } = sanitizeData(report);
  const read = parseOperationEvent(report.event, data);
  if (!read.ok) return { report: undefined, complaint: read.failure.message };
  return { report: read.value as Report, complaint };
}

const stepFields: ReadonlySet<string> = new Set(["id", "message", "done", "total", "status"]);

/**
 * Returns true if a step update needs no sanitizing. This check is quick, because a job may report a million
 * updates.
 */
function isPlainStep(data: object): boolean {
  for (const name in data) {
    if (!stepFields.has(name)) return false;
    const value: unknown = data[name as keyof typeof data];
    if (name === "done" || name === "total") {
      if (typeof value !== "number" || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER))
        return false;
    } else if (name === "status") {
      if (value !== "running" && value !== "done") return false;
    } else {
      const longest = name === "id" ? eventBounds.id : eventBounds.message;
      if (typeof value !== "string" || value.length > longest) return false;
      if (name === "id" && value === "") return false;
    }
  }
  return "id" in data;
}

function sanitizeData(report: Report): { data: object; complaint?: string } {
  switch (report.event) {
    case "log": {
      const { data, ...rest } = report.data;
      return withPayload(
        { ...rest, message: cut(rest.message) },
        "data",
        data,
        eventBounds.logData,
      );
    }
    case "done":
      return withPayload({}, "result", report.data.result, eventBounds.payload);
    case "failed": {
      const { error } = report.data;
      return { data: { error: { ...error, message: cut(error.message) } } };
    }
    default:
      return { data: fieldsKept(report.data) };
  }
}

function withPayload(data: object, name: string, payload: unknown, maxLength: number) {
  if (payload === undefined) return { data };
  const plain = plainJson(payload, maxLength);
  if (plain.ok) return { data: { ...data, [name]: plain.value } };
  return { data, complaint: `${name} ${plain.why} and was left out` };
}

function fieldsKept(data: object): object {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(data)) {
    if (typeof value === "number") {
      const isPercent = name === "percent" || name === "progress";
      if (Number.isFinite(value)) kept[name] = isPercent ? clampPercent(value) : value;
    } else if (name === "message" || name === "reason") kept[name] = cut(value);
    else kept[name] = value;
  }
  return kept;
}

function clampPercent(value: number): number {
  return Math.min(100, Math.max(0, value));
}

function cut(text: unknown): unknown {
  if (text === undefined || text === null) return undefined;
  const whole = typeof text === "string" ? text : String(text);
  return whole.length <= eventBounds.message
    ? whole
    : `${whole.slice(0, eventBounds.message - 1)}…`;
}

type Plain =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly why: string };

function plainJson(value: unknown, maxLength: number): Plain {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    text = undefined;
  }
  if (text === undefined) return { ok: false, why: "cannot be written as JSON" };
  if (text.length > maxLength) {
    return { ok: false, why: `is longer than ${maxLength} characters of JSON` };
  }
  return { ok: true, value: JSON.parse(text) as unknown };
}
