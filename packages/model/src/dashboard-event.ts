import {
  compact,
  Fields,
  numberIn,
  oneOf,
  parsed,
  type Reader,
  refused,
  type StandardSchema,
  textOf,
} from "@milepost/protocol";
import { schemaOfFields } from "./reader-schema.ts";

/** Statuses of a task on a dashboard. */
export const taskStatuses = ["pending", "running", "done", "failed", "cancelled"] as const;

/** Other words for the statuses of a task, which publishers may send and the state of a dashboard translates. */
const otherStatuses = {
  queued: "pending",
  started: "running",
  in_progress: "running",
  completed: "done",
  succeeded: "done",
  error: "failed",
  canceled: "cancelled",
} as const satisfies Readonly<Record<string, (typeof taskStatuses)[number]>>;

/** Data of a `task_status` event: the status and progress of one task. */
export interface TaskStatus {
  readonly task_id: string;
  readonly status: (typeof taskStatuses)[number];
  readonly title?: string;
  /** Progress from 0 to 100. */
  readonly progress?: number;
  readonly agent_id?: string;
  readonly message?: string;
}

/** Data of an `agent_activity` event: the activity of one agent. */
export interface AgentActivity {
  readonly agent_id: string;
  /** Activity in words that the application chooses: `idle`, `working`, `searching` … */
  readonly activity: string;
  readonly name?: string;
  readonly task_id?: string;
  readonly message?: string;
}

/** Data of a `calendar_event` event: one entry of the calendar. */
export interface CalendarEvent {
  readonly calendar_event_id: string;
  readonly title: string;
  /** Start time, in milliseconds since 1970. Publishers may send it in ISO 8601. */
  readonly starts_at?: number;
  readonly ends_at?: number;
  readonly location?: string;
}

/** Events of a dashboard's channel, by name. */
export interface DashboardEvents {
  task_status: TaskStatus;
  agent_activity: AgentActivity;
  calendar_event: CalendarEvent;
}

/**
 * Names under which the events of a dashboard are published, with the event that each one means. Protocols of other
 * systems have the longer names.
 */
export const dashboardNames = {
  task_status: "task_status",
  task_status_update: "task_status",
  TaskStatusUpdate: "task_status",
  agent_activity: "agent_activity",
  agent_activity_update: "agent_activity",
  AgentActivityUpdate: "agent_activity",
  calendar_event: "calendar_event",
  calendar_event_created: "calendar_event",
  CalendarEventCreated: "calendar_event",
} as const satisfies Readonly<Record<string, keyof DashboardEvents>>;

/** A name under which an event of a dashboard is published. */
export type DashboardName = keyof typeof dashboardNames;

/** Name of the field that holds the id of the task, agent or calendar event, for each dashboard event. */
export const dashboardKeys = {
  task_status: "task_id",
  agent_activity: "agent_id",
  calendar_event: "calendar_event_id",
} as const satisfies Record<keyof DashboardEvents, string>;

const id = textOf(64);
const text = textOf(1_000, 0);

/** Moment in milliseconds since 1970, or in ISO 8601. */
const moment: Reader<number> = (value) => {
  const ms = millisecondsOf(value);
  return ms === undefined
    ? refused("bad_message", "must be a time in milliseconds since 1970 or in ISO 8601")
    : parsed(ms);
};

const isoTime = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** Returns a time as milliseconds since 1970; undefined if it is none. A time without an offset is in UTC. */
function millisecondsOf(value: unknown): number | undefined {
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  if (typeof value !== "string" || value.length > 40) return undefined;
  const [, time, , , offset] = isoTime.exec(value) ?? [];
  const ms = Date.parse(time === undefined || offset !== undefined ? value : `${value}Z`);
  return isoTime.test(value) && ms >= 0 ? ms : undefined;
}

/** Reads the first of several fields that is there; the first one is required if none is. */
function firstOf<T>(fields: Fields, names: readonly [string, ...string[]], reader: Reader<T>): T {
  const present = names.find((name) => Object.hasOwn(fields.record, name)) ?? names[0];
  return fields.required(present, reader);
}

const calendarIds = ["calendar_event_id", "id", "event_id"] as const;
const starts = ["starts_at", "start_time", "start"] as const;
const ends = ["ends_at", "end_time", "end"] as const;

const readTask = (fields: Fields) => ({
  task_id: fields.required("task_id", id),
  status: fields.required("status", oneOf([...taskStatuses, ...Object.keys(otherStatuses)])),
  title: fields.optional("title", text),
  progress: fields.optional("progress", numberIn(0, 100)),
  agent_id: fields.optional("agent_id", id),
  message: fields.optional("message", text),
});

const readAgent = (fields: Fields) => ({
  agent_id: fields.required("agent_id", id),
  activity: firstOf(fields, ["activity", "status"], id),
  name: fields.optional("name", text),
  task_id: fields.optional("task_id", id),
  message: fields.optional("message", text),
});

const readCalendar = (fields: Fields) => ({
  calendar_event_id: firstOf(fields, calendarIds, id),
  title: fields.required("title", text),
  starts_at: starts.some((name) => Object.hasOwn(fields.record, name))
    ? firstOf(fields, starts, moment)
    : undefined,
  ends_at: ends.some((name) => Object.hasOwn(fields.record, name))
    ? firstOf(fields, ends, moment)
    : undefined,
  location: fields.optional("location", text),
});

const readerOf: Readonly<Record<keyof DashboardEvents, (fields: Fields) => object>> = {
  task_status: readTask,
  agent_activity: readAgent,
  calendar_event: readCalendar,
};

/** Schemas for the data of a dashboard's events, under each of their names. */
export const dashboardSchemas: Readonly<Record<DashboardName, StandardSchema>> = Object.fromEntries(
  Object.entries(dashboardNames).map(([name, event]) => [name, schemaOfFields(readerOf[event])]),
) as Record<DashboardName, StandardSchema>;

/**
 * Returns the data of a dashboard event in the words of its state: a status of {@link taskStatuses}, times in
 * milliseconds, and the names of fields that {@link DashboardEvents} has. All other fields stay as they are.
 */
export function inDashboardWords(
  event: keyof DashboardEvents,
  data: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const fields = new Fields(data);
  const read = compact(readerOf[event](fields));
  // Data that a deployment's own schema has let through.
  if (fields.refusal !== undefined) return data;
  const { status } = data;
  const other = typeof status === "string" && Object.hasOwn(otherStatuses, status);
  return {
    ...data,
    ...read,
    ...(event === "task_status" && other
      ? { status: otherStatuses[status as keyof typeof otherStatuses] }
      : {}),
  };
}
