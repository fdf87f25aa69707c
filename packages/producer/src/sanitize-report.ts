import { acceptsBounds, eventBounds, parseOperationEvent } from "@milepost/model";
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
  const plain = plainReport(report);
  if (plain !== undefined) return { report: plain, complaints: [] };
  const complaints: Complaint[] = [];
  const data = repairFields(report.data, repairs[report.event], complaints);
  // A line without a text still has a level, a step and data.
  if (report.event === "log") data.message ??= "";
  const read = parseOperationEvent(report.event, data);
  if (read.ok) return { report: read.value as Report, complaints };
  return { report: undefined, complaints: [...complaints, { field: "", ...read.failure }] };
}

/**
 * Returns a copy of a report of a frequent kind that needs no repair, or undefined for any other. This check is quick,
 * because a job may report thousands of steps, lines and pieces of text in a second.
 */
function plainReport({ event, data }: Report): Report | undefined {
  if (event !== "step" && event !== "progress" && event !== "log" && event !== "text") return;
  try {
    return isPlain(data, plainFields[event]) ? ({ event, data: { ...data } } as Report) : undefined;
  } catch {
    return undefined;
  }
}

type PlainField =
  | "required id"
  | "id"
  | "count"
  | "percent"
  | "status"
  | "level"
  | "message"
  | "append";

const plainFields: Readonly<
  Record<"step" | "progress" | "log" | "text", Readonly<Record<string, PlainField>>>
> = {
  step: {
    id: "required id",
    status: "status",
    message: "message",
    percent: "percent",
    done: "count",
    total: "count",
  },
  progress: { message: "message", percent: "percent", done: "count", total: "count" },
  log: { level: "level", message: "message", step: "id", agent: "id" },
  text: { stream: "required id", append: "append" },
};

function isPlain(data: object, fields: Readonly<Record<string, PlainField>>): boolean {
  let isWhole = fields === plainFields.progress;
  for (const name in data) {
    const value: unknown = data[name as keyof typeof data];
    switch (Object.hasOwn(fields, name) ? fields[name] : undefined) {
      case "count":
        if (typeof value !== "number" || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER))
          return false;
        break;
      case "percent":
        if (typeof value !== "number" || !(value >= 0 && value <= 100)) return false;
        break;
      case "required id":
        isWhole = true;
        if (!isShort(value, eventBounds.id) || value === "") return false;
        break;
      case "id":
        if (!isShort(value, eventBounds.id) || value === "") return false;
        break;
      case "message":
        if (!isShort(value, eventBounds.message)) return false;
        if (fields === plainFields.log) isWhole = true;
        break;
      case "append":
        if (!isShort(value, eventBounds.append)) return false;
        break;
      case "status":
        if (value !== "running" && value !== "done") return false;
        break;
      case "level":
        if (value !== "info" && value !== "success" && value !== "warning" && value !== "error")
          return false;
        break;
      default:
        return false;
    }
  }
  return isWhole;
}

function isShort(value: unknown, longest: number): boolean {
  return typeof value === "string" && value.length <= longest;
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

/** Keeps an address as it is: one that the gateway would refuse cannot be repaired. */
const asIs: Repair = (value) => value;
/** Keeps an amount. A number with a fraction becomes the decimal text that stands for it. */
const amount: Repair = (value) =>
  typeof value === "number" && !Number.isInteger(value) ? decimalText(value) : value;

/** Returns a number as decimal text, to nine places after the point. */
function decimalText(value: number): string {
  const short = String(value);
  return short.includes("e") ? value.toFixed(9) : short.replace(/(\.\d{9})\d+$/, "$1");
}

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
  count: { name, add: amount },
  link: { id: name, title: text(eventBounds.title), url: asIs },
  artefact: {
    name: id(200),
    type: text(eventBounds.tree.type),
    size: whole,
    url: asIs,
    data: payload(eventBounds.tree.artefactData),
  },
  beat: { reason: text(500), until: whole },
  paused: { reason: message },
  resumed: {},
  command: {
    command_id: name,
    command: name,
    phase: oneOf(["acknowledged", "done", "refused"]),
    reason: message,
  },
  accepts: {
    commands: payload(acceptsBounds.schemas),
    inputs: oneOf(["queue", "reject", "interrupt"]),
    busy: yesOrNo,
  },
  input: { input_id: name, phase: oneOf(["taken", "done", "interrupted"]) },
  done: { result: payload(eventBounds.payload) },
  failed: {
    error: objectOf({ code: name, message, retryable: yesOrNo }, ["code", "message", "retryable"]),
  },
  cancelled: { reason: message },
};
