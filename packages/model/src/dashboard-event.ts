import {
  compact,
  integerIn,
  numberIn,
  oneOf,
  type StandardSchema,
  textOf,
} from "@milepost/protocol";
import { schemaOfFields } from "./reader-schema.ts";

/** Statuses of a task on a dashboard. */
export const taskStatuses = ["pending", "running", "done", "failed", "cancelled"] as const;

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
  /** Start time, in milliseconds since 1970. */
  readonly starts_at: number;
  readonly ends_at?: number;
  readonly location?: string;
}

/** Events of a dashboard's channel, by name. */
export interface DashboardEvents {
  task_status: TaskStatus;
  agent_activity: AgentActivity;
  calendar_event: CalendarEvent;
}

/** Name of the field that holds the id of the task, agent or calendar event, for each dashboard event. */
export const dashboardKeys = {
  task_status: "task_id",
  agent_activity: "agent_id",
  calendar_event: "calendar_event_id",
} as const satisfies Record<keyof DashboardEvents, string>;

const id = textOf(64);
const text = textOf(1_000, 0);
const moment = integerIn(0, Number.MAX_SAFE_INTEGER);

/** Schemas for the data of a dashboard's events. */
export const dashboardSchemas: {
  readonly [Name in keyof DashboardEvents]: StandardSchema<unknown, DashboardEvents[Name]>;
} = {
  task_status: schemaOfFields((fields) =>
    compact({
      task_id: fields.required("task_id", id),
      status: fields.required("status", oneOf(taskStatuses)),
      title: fields.optional("title", text),
      progress: fields.optional("progress", numberIn(0, 100)),
      agent_id: fields.optional("agent_id", id),
      message: fields.optional("message", text),
    }),
  ),
  agent_activity: schemaOfFields((fields) =>
    compact({
      agent_id: fields.required("agent_id", id),
      activity: fields.required("activity", id),
      name: fields.optional("name", text),
      task_id: fields.optional("task_id", id),
      message: fields.optional("message", text),
    }),
  ),
  calendar_event: schemaOfFields((fields) =>
    compact({
      calendar_event_id: fields.required("calendar_event_id", id),
      title: fields.required("title", text),
      starts_at: fields.required("starts_at", moment),
      ends_at: fields.optional("ends_at", moment),
      location: fields.optional("location", text),
    }),
  ),
};
