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

describe("the milestones", () => {
  it("stand where the weights of the steps up to there end", () => {
    expect(milestones(steps(1, 3, 4)).map(({ start, end, share }) => [start, end, share])).toEqual([
      [0, 12.5, 12.5],
      [12.5, 50, 37.5],
      [50, 100, 50],
    ]);
  });

  it("end at exactly 100 whatever the weights add up to", () => {
    expect(milestones(steps(0.1, 0.2, 0.1, 0.3, 0.1)).at(-1)?.end).toBe(100);
  });

  it("share the road evenly when nothing has weight", () => {
    expect(milestones(steps(0, 0)).map(({ end }) => end)).toEqual([50, 100]);
  });

  it("step up where they would stand on each other, never two in a row", () => {
    expect(milestones(steps(45, 3, 3, 49)).map(({ tier }) => tier)).toEqual([0, 1, 0, 0]);
  });

  it("are none when there are no steps", () => {
    expect(milestones([])).toEqual([]);
  });
});
