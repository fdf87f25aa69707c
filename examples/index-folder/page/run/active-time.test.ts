import { describe, expect, it } from "vitest";
import { activeTime, elapsedTime, remainingTime } from "./active-time.ts";

const paused = {
  attempt: 1,
  started_at: 1_000,
  timeline: [
    { what: "wait", id: "wait", from: 0, to: 1_000, attempt: 1 },
    { what: "step", id: "scan", from: 1_000, attempt: 1 },
    { what: "pause", id: "pause", from: 3_000, to: 5_000, attempt: 1 },
    { what: "pause", id: "pause", from: 9_000, attempt: 1 },
  ],
} as const;

describe("the time of a run", () => {
  it("elapsedTime counts from the start of work and leaves out the wait before it", () => {
    expect(elapsedTime(paused, 11_000)).toBe(10_000);
  });

  it("activeTime leaves out all pauses, including one that has not ended", () => {
    expect(activeTime(paused, 11_000)).toBe(6_000);
  });

  it("elapsedTime no longer grows after the run has ended", () => {
    expect(elapsedTime({ ...paused, ended_at: 12_000 }, 99_000)).toBe(11_000);
  });

  it("elapsedTime and activeTime count from the start of the current attempt after a retry", () => {
    const retried = {
      attempt: 2,
      started_at: 1_000,
      timeline: [...paused.timeline, { what: "step", id: "scan", from: 60_000, attempt: 2 }],
    } as const;
    expect(elapsedTime(retried, 63_000)).toBe(3_000);
    expect(activeTime(retried, 63_000)).toBe(3_000);
  });

  it("elapsedTime is undefined before anything has started", () => {
    expect(elapsedTime({ attempt: 1, timeline: [] }, 5)).toBeUndefined();
  });
});

describe("the remaining time", () => {
  it("remainingTime is undefined at first and then follows the rate", () => {
    expect(remainingTime(0.5, 9_000, undefined)).toBeUndefined();
    expect(remainingTime(20, 900, undefined)).toBeUndefined();
    expect(remainingTime(20, 10_000, undefined)).toBe(40_000);
    expect(remainingTime(20, 10_000, 6)).toBe(20_000);
    expect(remainingTime(100, 10_000, 6)).toBe(0);
  });
});
