import { isRecord } from "@milepost/protocol";
import {
  type AgentActivity,
  type CalendarEvent,
  type DashboardEvents,
  dashboardKeys,
  dashboardNames,
  inDashboardWords,
  type TaskStatus,
} from "./dashboard-event.ts";
import { keyedProjection } from "./keyed-projection.ts";
import type { Projection } from "./projection.ts";

/**
 * The state of a dashboard: the latest data of each task, agent and calendar event, by id. At most 100 of each
 * kind are kept.
 */
export interface DashboardState {
  readonly tasks: Readonly<Record<string, TaskStatus>>;
  readonly agents: Readonly<Record<string, AgentActivity>>;
  readonly calendar: Readonly<Record<string, CalendarEvent>>;
}

const parts = {
  task_status: { name: "tasks", keyed: keyedProjection(dashboardKeys.task_status) },
  agent_activity: { name: "agents", keyed: keyedProjection(dashboardKeys.agent_activity) },
  calendar_event: { name: "calendar", keyed: keyedProjection(dashboardKeys.calendar_event) },
} as const satisfies Record<
  keyof DashboardEvents,
  { readonly name: keyof DashboardState; readonly keyed: unknown }
>;

const empty: DashboardState = { tasks: {}, agents: {}, calendar: {} };

/**
 * Folds a dashboard's log into the latest data of each task, agent and calendar event. Other publications
 * change nothing.
 */
export const dashboardProjection: Projection<DashboardState> = {
  name: "dashboard",
  initial: undefined,
  reduce(state, entry) {
    const { event, data } = entry;
    if (!isRecord(data) || !Object.hasOwn(dashboardNames, event)) return state;
    const kind = dashboardNames[event as keyof typeof dashboardNames];
    const { name, keyed } = parts[kind];
    const before = state ?? empty;
    const after = keyed.reduce(before[name], { ...entry, data: inDashboardWords(kind, data) });
    // The schemas of the channel's rule checked the types of the data before the entry was stored.
    return after === before[name] ? state : ({ ...before, [name]: after } as DashboardState);
  },
};
