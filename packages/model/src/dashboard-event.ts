import {
  compact,
  integerIn,
  numberIn,
  oneOf,
  type StandardSchema,
  textOf,
} from "@milepost/protocol";
import { schemaOfFields } from "./reader-schema.ts";

/** How a task of a dashboard stands. */
export const taskStatuses = ["pending", "running", "done", "failed", "cancelled"] as const;

/** How a task stands. */
export interface TaskStatus {
  readonly task_id: string;
  readonly status: (typeof taskStatuses)[number];
  readonly title?: string;
  /** 0–100. */
  readonly progress?: number;
  readonly agent_id?: string;
  readonly message?: string;
}

/** What an agent does. */
export interface AgentActivity {
  readonly agent_id: string;
  /** In the product's words: `idle`, `working`, `searching` … */
  readonly activity: string;
  readonly name?: string;
  readonly task_id?: string;
  readonly message?: string;
}

/** Something was put into the calendar. */
export interface CalendarEvent {
  readonly calendar_event_id: string;
  readonly title: string;
  /** Milliseconds since 1970, as everywhere. */
  readonly starts_at: number;
  readonly ends_at?: number;
  readonly location?: string;
}

/** The events of a dashboard's channel, by name. */
export interface DashboardEvents {
  task_status: TaskStatus;
  agent_activity: AgentActivity;
  calendar_event: CalendarEvent;
}

/** The field that names what each event of a dashboard is about. */
export const dashboardKeys = {
  task_status: "task_id",
  agent_activity: "agent_id",
  calendar_event: "calendar_event_id",
} as const satisfies Record<keyof DashboardEvents, string>;

const id = textOf(64);
const text = textOf(1_000, 0);
const moment = integerIn(0, Number.MAX_SAFE_INTEGER);

/** What the data of a dashboard's events must be. */
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
