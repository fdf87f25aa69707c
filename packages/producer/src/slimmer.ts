import { cutText, type ErrorCode } from "@milepost/protocol";
import type { Report } from "./report.ts";
import type { Create } from "./sanitize-create.ts";

/** Error codes of a refusal that may be caused by a value that something can do without. */
const causedByAValue: ReadonlySet<ErrorCode> = new Set([
  "bad_json",
  "bad_message",
  "invalid_data",
  "too_large",
  "too_deep",
]);

/** Returns true if the gateway may take what it refused with this code, once a value is left out. */
export function mayTakeLess(code: ErrorCode): boolean {
  return causedByAValue.has(code);
}

/** Something that was made smaller, and what it lost. */
export interface Slimmer<T> {
  readonly slim: T;
  readonly leftOut: string;
}

/** Fields that an operation can do without, in the order in which they are left out. */
const ornaments = [
  ["input"],
  ["steps"],
  ["title"],
  ["lease_ms"],
  ["collection_id", "belongs_to"],
  ["user_id", "session_id"],
] as const;

/**
 * Returns the input of a create with less in it; undefined when only what is needed is left. With `keepsOwner`,
 * user and session are needed, too: without them nobody would see the operation.
 */
export function slimmerCreate(create: Create, keepsOwner: boolean): Slimmer<Create> | undefined {
  const names: readonly string[] | undefined = ornaments.find(
    (group) =>
      group.some((name) => create[name] !== undefined) &&
      !(keepsOwner && group.some((name) => name === "user_id")),
  );
  if (names === undefined) return undefined;
  const kept = Object.entries(create).filter(([name]) => !names.includes(name));
  return { slim: Object.fromEntries(kept) as unknown as Create, leftOut: names.join(" and ") };
}

/** Error codes of a refusal that may be caused by a channel that the operation would belong to. */
const causedByAChannel: ReadonlySet<ErrorCode> = new Set([
  "forbidden",
  "invalid_channel",
  "invalid_event",
]);

/**
 * Returns the input of a create without the channels that it would belong to, if they may be what the gateway refused with
 * this code; undefined otherwise.
 */
export function withoutBelonging(code: ErrorCode, create: Create): Slimmer<Create> | undefined {
  const { collection_id, belongs_to, ...slim } = create;
  if (!causedByAChannel.has(code)) return undefined;
  if (collection_id === undefined && belongs_to === undefined) return undefined;
  return { slim, leftOut: "collection_id and belongs_to" };
}

/** Returns the input of a create without all that it can do without, except user and session. */
export function slimmestCreate(create: Create): Slimmer<Create> | undefined {
  let slim = create;
  const leftOut: string[] = [];
  for (;;) {
    const slimmer = slimmerCreate(slim, true);
    if (slimmer === undefined) break;
    slim = slimmer.slim;
    leftOut.push(slimmer.leftOut);
  }
  return leftOut.length === 0 ? undefined : { slim, leftOut: leftOut.join(" and ") };
}

/** Length to which the texts of a refused report are cut. */
const shortLength = 200;

/**
 * Returns a report that says the same with less: first without its data, then with short texts, then without
 * texts. Returns undefined when only what the report needs is left.
 */
export function slimmerReport(report: Report): Slimmer<Report> | undefined {
  switch (report.event) {
    case "done":
      return without(report, "result");
    case "cancelled":
    case "paused":
    case "command":
      return shortened(report, "reason") ?? without(report, "reason");
    case "failed": {
      const { error } = report.data;
      if (error.message.length > shortLength) {
        const message = cutText(error.message, shortLength);
        const slim = { event: "failed", data: { error: { ...error, message } } } as const;
        return { slim, leftOut: "the end of the message" };
      }
      const plain = { code: "job_failed", message: "the work failed", retryable: error.retryable };
      if (error.code === plain.code && error.message === plain.message) return undefined;
      return { slim: { event: "failed", data: { error: plain } }, leftOut: "code and message" };
    }
    case "log":
      return without(report, "data") ?? shortened(report, "message");
    case "step":
    case "progress":
      return shortened(report, "message") ?? without(report, "message") ?? without(report, "title");
    case "agent":
      return without(report, "tasks") ?? without(report, "name");
    case "steps": {
      const steps = report.data.steps.map(({ title: _, ...step }) => step);
      const hasTitles = report.data.steps.some(({ title }) => title !== undefined);
      return hasTitles
        ? { slim: { event: "steps", data: { steps } }, leftOut: "titles" }
        : undefined;
    }
    case "started":
    case "waiting":
    case "text":
    case "resumed":
      return undefined;
  }
}

function without(report: Report, name: string): Slimmer<Report> | undefined {
  const { [name]: value, ...data } = report.data as Readonly<Record<string, unknown>>;
  return value === undefined ? undefined : { slim: { ...report, data } as Report, leftOut: name };
}

function shortened(report: Report, name: string): Slimmer<Report> | undefined {
  const value = (report.data as Readonly<Record<string, unknown>>)[name];
  if (typeof value !== "string" || value.length <= shortLength) return undefined;
  const data = { ...report.data, [name]: cutText(value, shortLength) };
  return { slim: { ...report, data } as Report, leftOut: `the end of ${name}` };
}
