import { describe, expect, it } from "vitest";
import { type DashboardName, dashboardNames, dashboardSchemas } from "./dashboard-event.ts";
import { type DashboardState, dashboardProjection } from "./dashboard-projection.ts";

function fold(...entries: readonly (readonly [string, unknown])[]): DashboardState | undefined {
  let state = dashboardProjection.initial;
  for (const [i, [event, data]] of entries.entries()) {
    state = dashboardProjection.reduce(state, { event, data, offset: i + 1, ts: i } as never);
  }
  return state;
}

function issueOf(name: DashboardName, data: unknown): string | undefined {
  const outcome = dashboardSchemas[name]["~standard"].validate(data);
  if (outcome instanceof Promise) throw new Error("the schema is synchronous");
  return outcome.issues?.[0]?.message;
}

describe("the state of a dashboard", () => {
  it("[P-DASH-4] [W4] the state is the same under every name of an event", () => {
    for (const [name, kind] of Object.entries(dashboardNames)) {
      const data = {
        task_status: { task_id: "t1", status: "running" },
        agent_activity: { agent_id: "a1", activity: "searching" },
        calendar_event: { calendar_event_id: "c1", title: "Review", starts_at: 5 },
      }[kind];
      expect(fold([name, data]), name).toEqual(fold([kind, data]));
      expect(issueOf(name as DashboardName, data), name).toBeUndefined();
      expect(issueOf(name as DashboardName, {}), name).toMatch(/is missing$/);
    }
  });

  it.each([
    ["completed", "done"],
    ["in_progress", "running"],
    ["canceled", "cancelled"],
    ["done", "done"],
  ])("[P-DASH-4] a task whose publisher says %s is %s in the state", (status, expected) => {
    const data = { task_id: "task_123", status, progress: 100 };
    expect(issueOf("TaskStatusUpdate", data)).toBeUndefined();
    expect(fold(["TaskStatusUpdate", data])?.tasks).toEqual({
      task_123: { ...data, status: expected },
    });
  });

  it.each([
    ["2025-11-08T22:00:00Z", Date.UTC(2025, 10, 8, 22)],
    ["2025-11-08T22:00:00.250000+01:00", Date.UTC(2025, 10, 8, 21, 0, 0, 250)],
    ["2025-11-08T22:00:00", Date.UTC(2025, 10, 8, 22)],
    ["2025-11-08", Date.UTC(2025, 10, 8)],
    [1_762_639_200_000, 1_762_639_200_000],
  ])("[P-DASH-4] the start %s of a calendar event is kept in milliseconds", (start, ms) => {
    for (const name of ["starts_at", "start_time", "start"]) {
      const data = { id: "c1", title: "Review", [name]: start };
      expect(issueOf("CalendarEventCreated", data)).toBeUndefined();
      expect(fold(["CalendarEventCreated", data])?.calendar.c1).toMatchObject({
        calendar_event_id: "c1",
        starts_at: ms,
      });
    }
  });

  it.each([
    ["TaskStatusUpdate", { task_id: "t", status: "excellent" }, /status must be one of/],
    ["CalendarEventCreated", { id: "c", title: "t", starts_at: "tomorrow" }, /starts_at must be/],
    ["CalendarEventCreated", { id: "c", title: "t", starts_at: "2025-13-45" }, /starts_at must be/],
    ["CalendarEventCreated", { title: "t" }, /calendar_event_id is missing/],
    ["AgentActivityUpdate", { agent_id: "a" }, /activity is missing/],
  ] as const)(
    "[P-DASH-1] %s with %j is refused with the name of the field",
    (name, data, issue) => {
      expect(issueOf(name, data)).toMatch(issue);
    },
  );
});
