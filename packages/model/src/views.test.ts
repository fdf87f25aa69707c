import { describe, expect, it } from "vitest";
import { toGenerationProgress } from "./generation-progress.ts";
import { toQueuePosition } from "./queue-position.ts";
import { sharedSummary, summarise, summaryChanged } from "./summarise.ts";
import { syncSteps, toSyncProgress } from "./sync-progress.ts";
import { type AnyEvent, happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";
import { toProgressUpdate } from "./to-progress-update.ts";

const error = { code: "disk_full", message: "The disk is full.", retryable: true };

const run = fold(
  happened("created", {
    operation_id: "9",
    kind: "index",
    title: "Index",
    session_id: "s",
    user_id: "u",
  }),
  happened("started", {}),
  happened("step", { id: "scan", percent: 12.5, message: "Scanning" }),
  happened("agent", { id: "__proto__", tasks: ["read"] }),
  happened("agent", { id: "x", tasks: [] }),
  happened("log", { message: "careful", level: "warning" }),
);

describe("summarise", () => {
  it("the summary of an operation has the fields that a list shows", () => {
    expect(summarise(run)).toEqual({
      operation_id: "9",
      kind: "index",
      title: "Index",
      session_id: "s",
      user_id: "u",
      status: "running",
      attempt: 1,
      percent: 12.5,
      message: "Scanning",
      current_step: "scan",
      warnings: 1,
      errors: 0,
      created_at: 1_010,
      started_at: 1_020,
      updated_at: 1_060,
    });
    const failed = foldOn(run, [happened("failed", { error })]);
    expect(summarise(failed)).toMatchObject({ status: "failed", error, ended_at: 1_070 });
    expect(summarise(failed)).not.toHaveProperty("current_step");
  });

  it("[P-OP-13] a shared summary lacks the user, the session and the error's text unless they are to be shown", () => {
    const failed = summarise(foldOn(run, [happened("failed", { error })]));
    const { user_id, session_id, error: _, ...rest } = failed;
    const known = { code: "disk_full", retryable: true };
    expect(sharedSummary(failed)).toEqual({ ...rest, error: known });
    expect(sharedSummary(failed, ["session_id"])).toEqual({ ...rest, session_id, error: known });
    expect(sharedSummary(failed, ["user_id", "session_id", "error"])).toEqual(failed);
    expect(sharedSummary(summarise(run))).not.toHaveProperty("error");
  });

  it("a summary is published exactly when the status, attempt, step, queue position or whole percent changes", () => {
    expect(summaryChanged(undefined, run)).toBe(true);
    const changes = (...events: AnyEvent[]) => summaryChanged(run, foldOn(run, events));
    expect(changes(happened("paused", {}))).toBe(true);
    expect(changes(happened("step", { id: "embed" }))).toBe(true);
    expect(changes(happened("step", { id: "scan", percent: 13 }))).toBe(true);
    expect(changes(happened("step", { id: "scan", percent: 12.9 }))).toBe(false);
    expect(changes(happened("log", { message: "m" }))).toBe(false);
    expect(changes(happened("started", { attempt: 2 }))).toBe(true);
    const first = fold(happened("waiting", { position: 3, total: 3 }));
    expect(
      summaryChanged(first, foldOn(first, [happened("waiting", { position: 2, total: 3 })])),
    ).toBe(true);
  });
});

describe("toProgressUpdate", () => {
  it("[P-FEED-3] a document of the session feed is complete and is JSON", () => {
    const update = toProgressUpdate(run, "s");
    expect(update).toMatchObject({
      type: "progress_update",
      session_id: "s",
      transaction_id: "9",
      kind: "index",
      title: "Index",
      status: "running",
      attempt: 1,
      percent: 12.5,
      message: "Scanning",
      current_step: "scan",
      current_agent: "x",
      execution_order: ["scan", "__proto__", "x"],
      error: null,
      sequence: 6,
      timestamp: "1970-01-01T00:00:01.060Z",
    });
    expect(update.events).toEqual([{ seq: 6, at: 1_060, level: "warning", message: "careful" }]);
    expect(update.progress_events).toEqual(update.events);
    expect(Object.entries(update.current_tasks)).toEqual([
      ["__proto__", ["read"]],
      ["x", []],
    ]);
    expect(JSON.stringify(JSON.parse(JSON.stringify(update)))).toBe(JSON.stringify(update));
    expect(Object.values(update)).not.toContain(undefined);
  });

  it("[P-FEED-3] a document lists the tasks of the agents that are at work, and none of an agent that has ended", () => {
    const tasksAfter = (...events: AnyEvent[]) =>
      Object.entries(toProgressUpdate(foldOn(run, events), "s").current_tasks);
    const ended = happened("agent", { id: "__proto__", active: false });
    expect(tasksAfter(ended)).toEqual([["x", []]]);
    const again = happened("agent", { id: "__proto__", active: true, tasks: ["write"] });
    expect(new Map(tasksAfter(ended, again))).toEqual(
      new Map([
        ["__proto__", ["write"]],
        ["x", []],
      ]),
    );
    expect(tasksAfter(happened("done", {}))).toEqual([]);
  });

  it("[P-FEED-3] a later document of the session feed has a higher sequence, and absent fields are null", () => {
    const bare = toProgressUpdate(fold(), "s");
    expect(bare).toMatchObject({
      message: null,
      current_step: null,
      current_agent: null,
      error: null,
    });
    expect(toProgressUpdate(run, "s").sequence).toBeGreaterThan(bare.sequence);
  });
});

describe("toSyncProgress", () => {
  const planned = fold(
    happened("created", { operation_id: "9", kind: "sync", steps: syncSteps }),
    happened("started", {}),
  );

  it("a synchronisation moves through its stages in order", () => {
    const seen = [];
    let state = planned;
    seen.push(toSyncProgress(state));
    for (const id of ["validating", "syncing", "launching"]) {
      state = foldOn(state, [happened("step", { id, percent: 50 })]);
      seen.push(toSyncProgress(state));
      state = foldOn(state, [happened("step", { id, status: "done" })]);
    }
    seen.push(toSyncProgress(foldOn(state, [happened("done", {})])));
    expect(seen).toEqual([
      { stage: "validating", percent: 0, message: "Validating", failed: false },
      { stage: "validating", percent: 5, message: "Validating", failed: false },
      { stage: "syncing", percent: 40, message: "Syncing", failed: false },
      { stage: "launching", percent: 85, message: "Launching", failed: false },
      { stage: "complete", percent: 100, message: "Complete", failed: false },
    ]);
  });

  it("a failed synchronisation keeps the stage that failed and shows the error", () => {
    const state = foldOn(planned, [
      happened("step", { id: "validating", status: "done" }),
      happened("step", { id: "syncing", percent: 50, message: "Copying" }),
      happened("failed", { error }),
    ]);
    expect(toSyncProgress(state)).toEqual({
      stage: "syncing",
      percent: 40,
      message: "The disk is full.",
      failed: true,
    });
  });
});

describe("toGenerationProgress", () => {
  it("the progress of a generation shows its step, the number of finished steps, and the end of its text", () => {
    const state = fold(
      happened("steps", {
        steps: [{ id: "plan" }, { id: "write", title: "Write" }, { id: "test" }],
      }),
      happened("step", { id: "plan", status: "done" }),
      happened("step", { id: "write", percent: 50 }),
      happened("text", { stream: "2", append: "older" }),
      happened("text", { stream: "1", append: `${"😀".repeat(1_500)}end` }),
    );
    const view = toGenerationProgress(state);
    expect(view).toMatchObject({
      status: "running",
      percent: 50,
      message: "Write",
      step: "Write",
      steps_done: 1,
      steps_total: 3,
    });
    expect(view.preview).toBe(`${"😀".repeat(998)}end`);
  });
});

describe("toQueuePosition", () => {
  it("an operation has a queue position while it waits, and null otherwise", () => {
    const state = fold(happened("waiting", { position: 2, total: 9 }));
    expect(toQueuePosition(state)).toEqual({ position: 2, total: 9, estimated_wait_ms: null });
    const told = foldOn(state, [
      happened("waiting", { position: 1, total: 9, estimated_wait_ms: 500 }),
    ]);
    expect(toQueuePosition(told)).toEqual({ position: 1, total: 9, estimated_wait_ms: 500 });
    expect(toQueuePosition(foldOn(told, [happened("started", {})]))).toBeNull();
  });
});
