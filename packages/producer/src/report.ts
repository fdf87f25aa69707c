import type { OperationEventName, OperationEvents } from "@milepost/model";

/** What a producer may report; the other events are the gateway's own. */
export type ReportName = Exclude<OperationEventName, "created" | "stalled" | "revived" | "lost">;

/** One report: an event name and its data. */
export type Report = {
  [Name in ReportName]: { readonly event: Name; readonly data: OperationEvents[Name] };
}[ReportName];

/** How much a report matters when not everything can be kept. */
export type Weight =
  /** Never merged, never dropped, and nothing is merged across it. */
  | "lifecycle"
  /** Only the latest of its slot matters. */
  | "state"
  /** A piece of a stream: pieces are joined. */
  | "text"
  /** A line at `info` or `success`: the first to go. */
  | "info"
  /** A line at `warning` or `error`: the last to go. */
  | "warning";

/** The weight of a report. */
export function weightOf(report: Report): Weight {
  switch (report.event) {
    case "waiting":
    case "step":
    case "progress":
    case "agent":
      return "state";
    case "text":
      return "text";
    case "log":
      return report.data.level === "warning" || report.data.level === "error" ? "warning" : "info";
    case "started":
    case "steps":
    case "paused":
    case "resumed":
    case "command":
    case "done":
    case "failed":
    case "cancelled":
      return "lifecycle";
  }
}

/** What reports must have in common to be merged; undefined where nothing ever is. */
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
    default:
      return undefined;
  }
}

/** Whether the report ends what its slot stands for: a step or an agent's activity. */
export function closesSlot(report: Report): boolean {
  if (report.event === "step") return (report.data.status ?? "running") !== "running";
  return report.event === "agent" && report.data.active === false;
}

/** About how many bytes the report is on the wire; never less than a floor. */
export function reportBytes(report: Report): number {
  return 48 + bytesOf(report.data);
}

/** Escapes are not counted, and a character outside ASCII counts as three bytes, as most are. */
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

/** A call into the runtime's own counting costs more than it saves for the short texts that most are. */
function textBytes(text: string): number {
  if (text.length > 256) return Buffer.byteLength(text);
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) bytes += 2;
  return bytes;
}
