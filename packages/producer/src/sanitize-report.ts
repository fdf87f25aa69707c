import { eventBounds, parseOperationEvent } from "@milepost/model";
import {
  type Complaint,
  id,
  listOf,
  numberWithin,
  objectOf,
  oneOf,
  payload,
  percentage,
  type Repair,
  type Repairs,
  repairFields,
  text,
  wholeWithin,
} from "./field-repair.ts";
import type { Report, ReportName } from "./report.ts";
import { stepPlans } from "./sanitize-create.ts";

/** A report that can be sent, or undefined if none can, and complaints about what was left out or cut. */
export interface SanitizedReport {
  readonly report: Report | undefined;
  readonly complaints: readonly Complaint[];
}

/**
 * Returns a report that can be sent. A field that the gateway would refuse is left out or cut, with a
 * complaint; percentages are clamped to 0–100. A report that lacks a field it needs is refused here, before it
 * is merged with others.
 *
 * The result shares no objects with the input, so the caller may reuse its objects. Never throws.
 */
export function sanitizeReport(report: Report): SanitizedReport {
  if (report.event === "step" && isPlainStep(report.data)) {
    return { report: { event: "step", data: { ...report.data } }, complaints: [] };
  }
  const complaints: Complaint[] = [];
  const data = repairFields(report.data, repairs[report.event], complaints);
  // A line without a text still has a level, a step and data.
  if (report.event === "log") data.message ??= "";
  const read = parseOperationEvent(report.event, data);
  if (read.ok) return { report: read.value as Report, complaints };
  return { report: undefined, complaints: [...complaints, { field: "", ...read.failure }] };
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

const count = numberWithin(0, Number.MAX_SAFE_INTEGER);
const whole = wholeWithin(0, Number.MAX_SAFE_INTEGER);
const yesOrNo = oneOf([true, false]);
const name = id(eventBounds.id);
const message = text(eventBounds.message);
const progress: Repairs = {
  message,
  percent: percentage,
  done: count,
  total: count,
  unit: text(eventBounds.unit),
};
const task: Repair = (value, complain) =>
  value === "" ? undefined : text(eventBounds.task)(value, complain);

const repairs: Readonly<Record<ReportName, Repairs>> = {
  waiting: { position: whole, total: whole, estimated_wait_ms: count },
  started: { attempt: wholeWithin(1, eventBounds.attempt) },
  steps: { steps: stepPlans },
  step: {
    id: name,
    status: oneOf(["running", "done", "failed", "skipped"]),
    title: text(eventBounds.title),
    ...progress,
  },
  progress: { ...progress, reset: yesOrNo },
  agent: {
    id: name,
    name: text(eventBounds.title),
    active: yesOrNo,
    progress: percentage,
    tasks: listOf(task, eventBounds.tasks),
  },
  log: {
    level: oneOf(["info", "success", "warning", "error"]),
    message,
    agent: name,
    step: name,
    data: payload(eventBounds.logData),
  },
  text: { stream: name, append: text(eventBounds.append), done: yesOrNo, reset: yesOrNo },
  paused: { reason: message },
  resumed: {},
  command: {
    command_id: name,
    command: oneOf(["cancel", "pause", "resume", "retry"]),
    phase: oneOf(["acknowledged", "done", "refused"]),
    reason: message,
  },
  done: { result: payload(eventBounds.payload) },
  failed: {
    error: objectOf({ code: name, message, retryable: yesOrNo }, ["code", "message", "retryable"]),
  },
  cancelled: { reason: message },
};
