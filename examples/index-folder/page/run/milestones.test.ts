import type { StepState } from "@milepost/model";
import { describe, expect, it } from "vitest";
import { milestones } from "./milestones.ts";

function steps(...weights: readonly number[]): StepState[] {
  return weights.map((weight, index) => ({
    id: `s${index}`,
    title: `Step ${index}`,
    weight,
    status: "pending",
    percent: 0,
  }));
}

describe("the milestones of a run", () => {
  it("each milestone stands where the summed weights of the steps up to it end", () => {
    expect(milestones(steps(1, 3, 4)).map(({ start, end, share }) => [start, end, share])).toEqual([
      [0, 12.5, 12.5],
      [12.5, 50, 37.5],
      [50, 100, 50],
    ]);
  });

  it("the last milestone stands at exactly 100, whatever the weights add up to", () => {
    expect(milestones(steps(0.1, 0.2, 0.1, 0.3, 0.1)).at(-1)?.end).toBe(100);
  });

  it("milestones share the road evenly when no step has a weight", () => {
    expect(milestones(steps(0, 0)).map(({ end }) => end)).toEqual([50, 100]);
  });

  it("a milestone stands a row higher when it would cover its neighbour, but never two in a row", () => {
    expect(milestones(steps(45, 3, 3, 49)).map(({ tier }) => tier)).toEqual([0, 1, 0, 0]);
  });

  it("there are no milestones when there are no steps", () => {
    expect(milestones([])).toEqual([]);
  });
});
