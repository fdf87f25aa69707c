import type { OperationEventName, OperationEvents } from "@milepost/model";

/** Names of the events that a producer may report. Only the gateway creates the other events. */
export type ReportName = Exclude<
  OperationEventName,
  "created" | "children" | "budget" | "question" | "stalled" | "revived" | "lost" | "estimate"
>;

/** One report: an event name and its data. */
export type Report = {
  [Name in ReportName]: { readonly event: Name; readonly data: OperationEvents[Name] };
}[ReportName];

/** Importance of a report, which decides what the outbox drops first when it is full. */
export type Weight =
  /** Report that is never merged and never dropped. No reports are merged across it. */
  | "lifecycle"
  /**
   * Report about the state of a slot (a step, an agent, the whole progress, the queue position). Only the
   * latest matters.
   */
  | "state"
  /** Piece of a text stream; pieces are joined. */
  | "text"
  /** Addition to a counter; additions to the same counter are summed, and none is ever dropped. */
  | "count"
  /** Log line at `info` or `success`; dropped first. */
  | "info"
  /** Log line at `warning` or `error`; dropped last. */
  | "warning";

/** Returns the weight of a report. */
export function weightOf(report: Report): Weight {
  switch (report.event) {
    case "waiting":
    case "step":
    case "progress":
    case "agent":
      return "state";
    case "text":
      return "text";
    case "count":
      return "count";
    case "log":
      return report.data.level === "warning" || report.data.level === "error" ? "warning" : "info";
    case "started":
    case "steps":
    case "link":
    case "artefact":
    case "beat":
    case "paused":
    case "resumed":
    case "command":
    case "accepts":
    case "input":
    case "done":
    case "failed":
    case "cancelled":
      return "lifecycle";
  }
}

/**
 * Returns the slot of a report: the name of the step, agent, text stream or other state that the report is
 * about. Only reports of the same slot may be merged. Returns undefined for reports that are never merged.
 */
export function slotOf(report: Report): string | undefined {
  switch (report.event) {
    case "waiting":
    case "progress":
      return report.event;
    case "step":
    case "agent":
      return `${report.event}:${report.data.id}`;
    case "text":
      return `text:${report.data.stream}`;
    case "count":
      return `count:${report.data.name}`;
    default:
      return undefined;
  }
}

/** Returns true if the report ends its step or the activity of its agent. */
export function closesSlot(report: Report): boolean {
  if (report.event === "step") return (report.data.status ?? "running") !== "running";
  return report.event === "agent" && report.data.active === false;
}

/** Returns the approximate size of the report on the wire, in bytes; always more than 48. */
export function reportBytes(report: Report): number {
  return 48 + bytesOf(report.data);
}

/** Returns the approximate size of a value as JSON, in bytes. Escapes are not counted. */
function bytesOf(value: unknown): number {
  if (typeof value === "string") return textBytes(value) + 2;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const item of value) bytes += bytesOf(item) + 1;
    return bytes;
  }
  const fields = value as Record<string, unknown>;
  for (const name in fields) bytes += name.length + 4 + bytesOf(fields[name]);
  return bytes;
}

/**
 * Returns the approximate size of a text in bytes. Texts of up to 256 characters are counted here, because that
 * is faster than a call to `Buffer.byteLength`. In these texts a character outside ASCII counts as three bytes.
 */
export function textBytes(text: string): number {
  if (text.length > 256) return Buffer.byteLength(text);
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) bytes += 2;
  return bytes;
}
