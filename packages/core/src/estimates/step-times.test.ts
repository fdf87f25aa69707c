import { expect, test } from "vitest";
import type { LearnedRun } from "./learned-run.ts";
import type { LearnedStep } from "./learned-step.ts";
import { StepTimesOfKind } from "./step-times.ts";

/** Part of the usual time of all steps that a rest has at least. */
const floor = 0.02;

function runs(count: number, stepsOf: (i: number) => readonly LearnedStep[]): LearnedRun[] {
  return Array.from({ length: count }, (_, i) => ({
    totalMs: 1_000,
    elapsedMs: [],
    steps: stepsOf(i),
  }));
}

const step = (id: string, startMs: number, tookMs: number): LearnedStep => ({
  id,
  startMs,
  tookMs,
});
const ahead = (...ids: string[]) => ({ running: new Map<string, number>(), pending: new Set(ids) });

test("[P-EST-14] steps that follow each other add up, and of steps side by side the one that ends last counts", () => {
  // The first two run side by side in one run of ten, which is enough; the third always follows both.
  const times = new StepTimesOfKind(
    runs(10, (i) => [step("a", 0, 100), step("b", i === 0 ? 50 : 100, 300), step("c", 500, 40)]),
  );
  const all = 440 * floor;
  expect(times.restOf(ahead("a", "b", "c"))).toBeCloseTo(340 + all, 5);
  expect(times.restOf(ahead("a", "c"))).toBeCloseTo(140 + all, 5);
  expect(times.restOf(ahead())).toBeCloseTo(all, 5);
});

test("[P-EST-14] a running step has the rest of the runs in which it took even longer, and none beyond all of them", () => {
  const times = new StepTimesOfKind(runs(10, (i) => [step("a", 0, 100 * (i + 1))]));
  const at = (elapsed: number) =>
    times.restOf({ running: new Map([["a", elapsed]]), pending: new Set() });
  const all = 550 * floor;
  expect(at(750)).toBeCloseTo(150 + all, 5);
  expect(at(5_000)).toBeCloseTo(all, 5);
});

test("[P-EST-14] a step that half of the runs skip counts half", () => {
  const times = new StepTimesOfKind(runs(10, (i) => [step("a", 0, i % 2 === 0 ? 100 : 0)]));
  expect(times.restOf(ahead("a"))).toBeCloseTo(50 * (1 + floor), 5);
});

test("[P-EST-14] only a list with a step to come, or with all common steps, is a plan; steps of few runs are unknown", () => {
  const times = new StepTimesOfKind(
    runs(10, (i) => [
      step("a", 0, 100),
      step("b", 100, 100),
      ...(i < 5 ? [] : [step("c", 200, 100)]),
      ...(i < 4 ? [step("d", 300, 100)] : []),
    ]),
  );
  expect(times.isPlan(new Set(["a"]), new Set())).toBe(false);
  expect(times.isPlan(new Set(["a", "b"]), new Set())).toBe(false);
  expect(times.isPlan(new Set(["a", "b"]), new Set(["b"]))).toBe(true);
  expect(times.isPlan(new Set(["a", "b", "c"]), new Set())).toBe(true);
  expect(times.isPlan(new Set(["a", "d"]), new Set(["d"]))).toBe(false);
  expect(times.usualSteps(undefined).map(({ id }) => id)).toEqual(["a", "b", "c"]);
  const none = new StepTimesOfKind(runs(10, () => []));
  expect(none.restOf(ahead("a"))).toBeUndefined();
  expect(none.isPlan(new Set(["a"]), new Set(["a"]))).toBe(false);
});
