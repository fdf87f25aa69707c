import { expect, test } from "vitest";
import { type CostRound, costRows } from "./metrics-cost.ts";

/** A round on a machine whose load changes from turn to turn, in which metrics cost the share `extra`. */
function round(extra: number, load: readonly number[]): CostRound {
  return {
    "milepost-unmetered": load,
    "milepost-json": load.map((cost) => cost * (1 + extra)),
    "milepost-scraped": load.map((cost) => cost * (1 + 2 * extra)),
  };
}

test("the load of other processes cancels, because each window is compared with that of its own turn", () => {
  const [base, metered, scraped] = costRows([
    round(0.02, [5, 9, 6, 20]),
    round(0.03, [30, 7, 7, 8]),
    round(0.01, [6, 6, 50, 6]),
  ]);
  expect(base?.toBase).toBeUndefined();
  expect(metered?.toBase?.median).toBeCloseTo(1.02, 6);
  expect(metered?.toBase?.min).toBeCloseTo(1.01, 6);
  expect(metered?.toBase?.max).toBeCloseTo(1.03, 6);
  expect(metered?.error).toBeCloseTo(0.01 / Math.sqrt(3), 6);
  expect(scraped?.toBase?.median).toBeCloseTo(1.04, 6);
});

test("one window that a stall spoiled does not move the ratio of its round", () => {
  const spoiled = round(0, [5, 5, 5, 5, 5]);
  const costs = { ...spoiled, "milepost-json": [5, 5, 500, 5, 5] };
  expect(costRows([costs])[1]?.toBase?.median).toBe(1);
});
