import { describe, expect, it } from "vitest";
import { happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

const plan = happened("steps", {
  steps: [
    { id: "scan", title: "Scan" },
    { id: "embed", weight: 3 },
  ],
});

describe("percent of an operation", () => {
  it("[P-OP-2] the percent of an operation with steps is their weighted mean", () => {
    const state = fold(
      plan,
      happened("step", { id: "scan", percent: 50 }),
      happened("step", { id: "embed", percent: 10 }),
    );
    expect(state.percent).toBe(20);
    expect(foldOn(state, [happened("step", { id: "scan", status: "done" })]).percent).toBe(32.5);
  });

  it("[P-OP-2] the percent counts a skipped step as complete and a failed step at its own percentage", () => {
    const state = fold(plan, happened("step", { id: "embed", status: "skipped" }));
    expect(state.percent).toBe(75);
    const failed = foldOn(state, [happened("step", { id: "scan", status: "failed", percent: 20 })]);
    expect(failed.percent).toBe(80);
  });

  it("[P-OP-2] the percent is exactly 100 when all steps are done, whatever their weights", () => {
    for (const weights of [
      [0.1, 0.2, 0.3],
      [1e-9, 1e6],
      [1, 1, 1],
    ]) {
      const steps = weights.map((weight, i) => ({ id: `s${i}`, weight }));
      const ended = steps.map(({ id }) => happened("step", { id, status: "done" }));
      expect(fold(happened("steps", { steps }), ...ended).percent).toBe(100);
    }
  });

  it("[P-OP-2] the percent is below 100 while any step is unfinished", () => {
    const steps = [{ id: "a", weight: 1_000_000 }, { id: "b" }];
    const state = fold(happened("steps", { steps }), happened("step", { id: "a", status: "done" }));
    expect(state.percent).toBe(99.99);
  });

  it("[P-OP-2] the percent comes from progress reports if no step has a weight", () => {
    const weightless = happened("steps", { steps: [{ id: "a", weight: 0 }] });
    expect(fold(weightless, happened("progress", { percent: 40 })).percent).toBe(40);
    expect(fold(plan, happened("progress", { percent: 40 })).percent).toBe(0);
    expect(fold(happened("progress", { percent: 40 })).percent).toBe(40);
  });

  it("[P-OP-2] the percent comes from the counter of done and total, which the state keeps", () => {
    const state = fold(happened("progress", { done: 1, total: 3, unit: "files" }));
    expect(state).toMatchObject({ percent: 33.33, counter: { done: 1, total: 3, unit: "files" } });
    const further = foldOn(state, [happened("progress", { done: 2 })]);
    expect(further).toMatchObject({
      percent: 66.66,
      counter: { done: 2, total: 3, unit: "files" },
    });
    expect(foldOn(further, [happened("progress", { done: 9 })]).percent).toBe(100);
    expect(fold(happened("progress", { done: 5 }))).toMatchObject({
      percent: 0,
      counter: { done: 5 },
    });
    expect(fold(happened("progress", { done: 0, total: 0 })).percent).toBe(0);
  });

  it("[P-OP-2] the percent falls only with reset, which also clears the counter", () => {
    const state = fold(happened("progress", { percent: 60, done: 6, total: 10 }));
    expect(foldOn(state, [happened("progress", { percent: 20 })]).percent).toBe(60);
    const reset = foldOn(state, [happened("progress", { percent: 20, reset: true })]);
    expect(reset.percent).toBe(20);
    expect(reset).not.toHaveProperty("counter");
    expect(foldOn(state, [happened("progress", { reset: true })]).percent).toBe(0);
  });

  it("[P-OP-2] the percent does not fall when the plan grows, but falls with a later reset", () => {
    const state = fold(plan, happened("step", { id: "scan", status: "done" }));
    expect(state.percent).toBe(25);
    const grown = foldOn(state, [
      happened("steps", {
        steps: [{ id: "scan" }, { id: "embed", weight: 3 }, { id: "link", weight: 6 }],
      }),
    ]);
    expect(grown.percent).toBe(25);
    expect(foldOn(grown, [happened("progress", { reset: true })]).percent).toBe(10);
  });

  it("[P-OP-2] the percent becomes 100 when the operation is done, and stays when it fails", () => {
    const state = fold(happened("progress", { percent: 30 }));
    const error = { code: "x", message: "y", retryable: false };
    expect(foldOn(state, [happened("done", {})]).percent).toBe(100);
    expect(foldOn(state, [happened("failed", { error })])).toMatchObject({ percent: 30, error });
  });
});

describe("steps of an operation", () => {
  it("a step begins and becomes the current step with its first report, and ends with the report that it is done", () => {
    const begun = fold(
      plan,
      happened("step", { id: "scan", message: "looking", done: 1, total: 4 }),
    );
    expect(begun).toMatchObject({ current_step: "scan", message: "looking", status: "running" });
    expect(begun.steps[0]).toEqual({
      id: "scan",
      title: "Scan",
      weight: 1,
      status: "running",
      percent: 25,
      message: "looking",
      counter: { done: 1, total: 4 },
      started_at: begun.updated_at,
    });
    const ended = foldOn(begun, [happened("step", { id: "scan", status: "done" })]);
    expect(ended.steps[0]).toMatchObject({
      status: "done",
      percent: 100,
      ended_at: ended.updated_at,
    });
    expect(ended).not.toHaveProperty("current_step");
    expect(ended.timeline).toEqual([
      { what: "step", id: "scan", from: begun.updated_at, to: ended.updated_at, attempt: 1 },
    ]);
  });

  it("another running step becomes the current one when the current step ends", () => {
    const state = fold(
      happened("step", { id: "a" }),
      happened("step", { id: "b" }),
      happened("step", { id: "b", status: "done" }),
    );
    expect(state.current_step).toBe("a");
    expect(state.execution_order).toEqual(["a", "b"]);
  });

  it("an ended step is reopened only by an explicit running, not by a late report", () => {
    const ended = fold(happened("step", { id: "a", status: "done" }));
    const late = foldOn(ended, [happened("step", { id: "a", percent: 40, message: "late" })]);
    expect(late.steps[0]).toMatchObject({ status: "done", percent: 100, message: "late" });
    expect(late.steps[0]?.ended_at).toBe(ended.updated_at);
    const again = foldOn(late, [happened("step", { id: "a", status: "running", percent: 40 })]);
    expect(again.steps[0]).toMatchObject({ status: "running", percent: 40 });
    expect(again.steps[0]).not.toHaveProperty("ended_at");
    expect(again.timeline).toHaveLength(2);
    expect(again.execution_order).toEqual(["a"]);
  });

  it("a skipped step has no start, no timeline span and no place in the execution order", () => {
    const state = fold(plan, happened("step", { id: "scan", status: "skipped" }));
    expect(state.steps[0]).not.toHaveProperty("started_at");
    expect(state.timeline).toEqual([]);
    expect(state.execution_order).toEqual([]);
  });

  it("a new plan keeps the progress of steps it knows, and closes the spans of the steps it drops", () => {
    const state = fold(
      plan,
      happened("step", { id: "scan", percent: 50 }),
      happened("step", { id: "embed" }),
    );
    const replanned = foldOn(state, [
      happened("steps", { steps: [{ id: "scan", title: "Look", weight: 2 }, { id: "link" }] }),
    ]);
    expect(replanned.steps).toMatchObject([
      { id: "scan", title: "Look", weight: 2, percent: 50, status: "running" },
      { id: "link", title: "link", weight: 1, percent: 0, status: "pending" },
    ]);
    expect(replanned.current_step).toBe("scan");
    expect(replanned.timeline.find(({ id }) => id === "embed")?.to).toBe(replanned.updated_at);
  });

  it.each([
    [happened("done", {}), { status: "done", percent: 100 }],
    [
      happened("failed", { error: { code: "x", message: "y", retryable: true } }),
      { status: "failed", percent: 50 },
    ],
    [happened("cancelled", {}), { status: "skipped", percent: 50 }],
    [happened("lost", { silent_ms: 1 }), { status: "failed", percent: 50 }],
  ])("a running step ends with the operation: %j", (end, expected) => {
    const state = fold(plan, happened("step", { id: "scan", percent: 50 }), end);
    expect(state.steps[0]).toMatchObject({ ...expected, ended_at: state.ended_at });
    expect(state.steps[1]).toMatchObject({ status: "pending" });
  });

  it("a new attempt resets every step to pending without its progress", () => {
    const state = fold(
      plan,
      happened("step", { id: "scan", percent: 50, message: "m", done: 1 }),
      happened("started", { attempt: 2 }),
    );
    expect(state.steps).toEqual([
      { id: "scan", title: "Scan", weight: 1, status: "pending", percent: 0 },
      { id: "embed", title: "embed", weight: 3, status: "pending", percent: 0 },
    ]);
    expect(state.timeline.every(({ to }) => to !== undefined)).toBe(true);
    const again = foldOn(state, [happened("step", { id: "scan" })]);
    expect(again.timeline.at(-1)).toMatchObject({ id: "scan", attempt: 2 });
  });
});
