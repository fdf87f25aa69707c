import { expect, test } from "vitest";
import type { OperationState } from "./operation-state.ts";
import { reduceOperation } from "./reduce-operation.ts";
import { slowSteps, stepWorkedMs, workedUntil } from "./step-time.ts";

type Happening = readonly [ts: number, name: string, data?: object];

/** Folds what happened at these times. */
function stateOf(...happenings: readonly Happening[]): OperationState {
  let state: OperationState | undefined;
  const all: readonly Happening[] = [
    [0, "created", { operation_id: "1", kind: "k" }],
    ...happenings,
  ];
  for (const [offset, [ts, event, data = {}]] of all.entries()) {
    state = reduceOperation(state, { event, data, ts, offset: offset + 1 });
  }
  if (state === undefined) throw new Error("nothing was created");
  return state;
}

const step = (state: OperationState, id: string) => {
  const found = state.steps.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no step ${id}`);
  return found;
};

test("[P-EST-15] a step's time is without the pauses and waits during it, and those outside of it make no difference", () => {
  const state = stateOf(
    [100, "started"],
    [150, "paused"],
    [250, "resumed"],
    [300, "step", { id: "a" }],
    [320, "paused"],
    [420, "resumed"],
    [430, "waiting", { position: 1, total: 1 }],
    [530, "started"],
    [540, "step", { id: "a", status: "done" }],
    [600, "step", { id: "b" }],
  );
  expect(workedUntil(state, 300, 600)).toBe(100);
  expect(stepWorkedMs(state, step(state, "a"), 600)).toBe(40);
  expect(stepWorkedMs(state, step(state, "b"), 650)).toBe(50);
  expect(stepWorkedMs(state, { started_at: undefined } as never, 650)).toBeUndefined();
});

test("[P-EST-15] after a stall the time of a step is unknown", () => {
  const state = stateOf(
    [100, "started"],
    [200, "step", { id: "a" }],
    [500, "stalled", { silent_ms: 250 }],
    [600, "revived"],
  );
  expect(stepWorkedMs(state, step(state, "a"), 700)).toBeUndefined();
});

test("[P-EST-15] a running step is slow above its usual time, not at it, and not while the operation is paused", () => {
  const usual_steps = [
    { id: "a", p90_ms: 100 },
    { id: "b", p90_ms: 10 },
  ];
  const running: readonly Happening[] = [
    [100, "started"],
    [100, "estimate", { at: 100, basis: 9, usual_steps }],
    [200, "step", { id: "a" }],
    [200, "step", { id: "c" }],
  ];
  const state = stateOf(...running);
  expect(slowSteps(state, 300)).toEqual([]);
  expect(slowSteps(state, 301)).toEqual(["a"]);
  const both = stateOf(...running, [310, "step", { id: "b" }]);
  expect(slowSteps(both, 325)).toEqual(["a", "b"]);
  expect(slowSteps(stateOf(...running, [310, "paused"]), 900)).toEqual([]);
  const ended = stateOf(...running, [400, "step", { id: "a", status: "done" }]);
  expect(slowSteps(ended, 900)).toEqual([]);
});

test("[P-EST-15] the pauses of an earlier attempt are no part of the steps of this one", () => {
  const state = stateOf(
    [100, "started"],
    [110, "paused"],
    [200, "resumed"],
    [210, "failed", { error: { code: "x", message: "y", retryable: true } }],
    [300, "started", { attempt: 2 }],
    [310, "step", { id: "a" }],
  );
  expect(stepWorkedMs(state, step(state, "a"), 350)).toBe(40);
});
