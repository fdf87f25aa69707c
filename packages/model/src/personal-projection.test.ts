import { describe, expect, it } from "vitest";
import { type PersonalState, personalBounds, personalProjection } from "./personal-projection.ts";

function fold(...entries: readonly (readonly [event: string, data: unknown])[]) {
  let state: PersonalState | undefined;
  entries.forEach(([event, data], i) => {
    state = personalProjection.reduce(state, { event, data, ts: 1_000 + i, offset: i + 1 });
  });
  return state;
}

describe("the personal projection", () => {
  it("[P-PERSON-2] keeps the latest queue position, synchronisation, preview and generation", () => {
    const state = fold(
      ["queue:position", { position: 3, total: 5, estimatedWaitTime: 90_000 }],
      ["queue:position", { position: 2, total: 5, estimated_wait_ms: 60_000 }],
      ["sync:progress", { stage: "validating", percent: 10, message: "Checking the files" }],
      ["sync:progress", { stage: "syncing", progress: 50.9 }],
      ["preview:status", { status: "starting" }],
      ["generation:progress", { percent: 40, step: "Nodes", preview: "def main():" }],
    );
    expect(state).toEqual({
      operations: {},
      queue: {
        position: 2,
        total: 5,
        estimated_wait_ms: 60_000,
        estimatedWaitTime: 60_000,
        at: 1_001,
      },
      sync: { stage: "syncing", percent: 50, message: "Syncing", failed: false, at: 1_003 },
      preview: { status: "starting", at: 1_004 },
      generation: {
        status: "running",
        percent: 40,
        message: "Nodes",
        step: "Nodes",
        steps_done: 0,
        steps_total: 0,
        preview: "def main():",
        at: 1_005,
      },
      notifications: [],
      errors: [],
    });
  });

  it.each([
    ["queue:position", { position: 0, total: 4 }],
    ["sync:progress", { stage: "launching", percent: 70 }],
    ["sync:progress", { stage: "complete" }],
    ["sync:progress", { stage: "syncing", failed: true }],
  ])("[P-PERSON-2] a person no longer waits after %s %j", (event, data) => {
    const state = fold(["queue:position", { position: 1, total: 4 }], [event, data]);
    expect(state).not.toHaveProperty("queue");
  });

  it("[P-PERSON-2] keeps the latest notifications and errors, each id once", () => {
    const many = Array.from({ length: 30 }, (_, i) => ["error", { message: `${i}` }] as const);
    const state = fold(
      ...many,
      ["error", { message: "first", id: "disk", code: "disk_full", retryable: true }],
      ["error", { message: "again", id: "disk" }],
      ["notification", { message: "Files synced", type: "success" }],
    );
    expect(state?.errors).toHaveLength(personalBounds.errors);
    expect(state?.errors.at(-1)).toEqual({
      id: "disk",
      code: "error",
      message: "again",
      retryable: false,
      at: 1_031,
    });
    expect(state?.errors.filter(({ id }) => id === "disk")).toHaveLength(1);
    expect(state?.notifications).toEqual([
      { id: "@33.1032", level: "success", type: "success", message: "Files synced", at: 1_032 },
    ]);
  });

  it("[P-PERSON-2] keeps the summaries of operations beside them", () => {
    const state = fold(
      ["operation", { operation_id: "9", status: "running" }],
      ["error", { message: "no" }],
      ["operation", { operation_id: "9", status: "done" }],
    );
    expect(state?.operations).toEqual({ 9: { operation_id: "9", status: "done" } });
    expect(state?.errors).toHaveLength(1);
  });

  it.each([
    ["queue:position", { position: 6, total: 5 }],
    ["queue:position", { position: "1", total: 5 }],
    ["queue:position", { position: -1, total: 5 }],
    ["sync:progress", { stage: "thinking", percent: 10 }],
    ["sync:progress", { stage: "syncing", percent: 101 }],
    ["preview:status", {}],
    ["generation:progress", { percent: "40" }],
    ["error", { code: "x" }],
    ["error", "text"],
    ["notification", { message: "" }],
    ["notification", null],
  ])("[P-PERSON-1] %s %j changes nothing", (event, data) => {
    expect(fold([event, data])).toBeUndefined();
    const before = fold(["error", { message: "no" }]);
    const entry = { event, data, ts: 2_000, offset: 2 };
    expect(personalProjection.reduce(before, entry)).toBe(before);
  });

  it("[P-PERSON-2] a state that was written as JSON folds on like the state itself", () => {
    const state = fold(["queue:position", { position: 1, total: 1 }], ["error", { message: "no" }]);
    const entry = { event: "notification", data: { message: "yes" }, ts: 5, offset: 9 };
    const again = JSON.parse(JSON.stringify(state)) as PersonalState;
    expect(personalProjection.reduce(again, entry)).toEqual(
      personalProjection.reduce(state, entry),
    );
  });
});
