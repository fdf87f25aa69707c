import { expect, test } from "vitest";
import { rowOf } from "./reconnect.ts";

test("the reconnect report includes the wait in the whole time but not in the attempt, and adds up wrong deliveries", () => {
  const cuts = Array.from({ length: 50 }, (_, i) => ({
    ms: i === 17 ? 0.9 : 0.1,
    attemptMs: i === 18 ? 0.05 : 0.02,
    wrong: i < 2 ? 1 : 0,
  }));
  const row = rowOf(cuts);
  expect(row.whole).toEqual({ p50: 0.1, p99: 0.9, max: 0.9 });
  expect(row.attempt).toEqual({ p50: 0.02, p99: 0.05, max: 0.05 });
  expect(row.wrong).toBe(2);
});
