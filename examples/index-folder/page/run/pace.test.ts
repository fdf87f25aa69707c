import { describe, expect, it } from "vitest";
import { type Pace, perSecond, withSample } from "./pace.ts";

function paceOf(...readings: readonly (readonly [at: number, value: number])[]): Pace {
  return readings.reduce<Pace>((pace, [at, value]) => withSample(pace, { at, value }), []);
}

describe("the pace of a run", () => {
  it("the rate is unknown until the window is long enough", () => {
    expect(perSecond(paceOf([0, 0], [500, 40]))).toBeUndefined();
    expect(perSecond(paceOf([0, 0], [1_000, 40]))).toBe(40);
  });

  it("the rate follows the recent samples and forgets the old ones", () => {
    expect(perSecond(paceOf([0, 0], [4_000, 4_000], [8_000, 8_000], [14_000, 8_060]))).toBe(10);
  });

  it("samples start again when the value falls, as after a retry", () => {
    expect(perSecond(paceOf([0, 0], [2_000, 900], [3_000, 5], [4_000, 15]))).toBe(10);
  });

  it("the list of samples stays bounded, however many are added", () => {
    let pace: Pace = [];
    for (let at = 0; at < 20_000; at += 1) pace = withSample(pace, { at, value: at });
    expect(pace.length).toBeLessThanOrEqual(64);
    expect(perSecond(pace)).toBeCloseTo(1000, 0);
  });
});
