import type { TimelineSpan } from "@milepost/model";
import { describe, expect, it } from "vitest";
import { layoutTimeline } from "./timeline-layout.ts";

const steps = [
  { id: "scan", title: "Scan", weight: 1, status: "done", percent: 100 },
  { id: "read", title: "Read", weight: 3, status: "running", percent: 20 },
] as const;

function layout(timeline: readonly TimelineSpan[], now: number, ended_at?: number) {
  return layoutTimeline(
    { timeline, steps, agents: [], ...(ended_at === undefined ? {} : { ended_at }) },
    now,
  );
}

describe("the layout of the timeline", () => {
  it("the timeline places spans as shares of the attempt's axis and extends the open span to now", () => {
    const [attempt] = layout(
      [
        { what: "step", id: "scan", from: 1_000, to: 3_000, attempt: 1 },
        { what: "step", id: "read", from: 3_000, attempt: 1 },
      ],
      11_000,
    );
    expect(attempt).toMatchObject({ from: 1_000, to: 11_000, open: true });
    expect(attempt?.lanes).toEqual([
      {
        id: "scan",
        title: "Scan",
        spans: [{ start: 0, length: 0.2, from: 1_000, to: 3_000, open: false }],
      },
      {
        id: "read",
        title: "Read",
        spans: [{ start: 0.2, length: 0.8, from: 3_000, to: 11_000, open: true }],
      },
    ]);
  });

  it("pauses and waits on the timeline cross all rows", () => {
    const [attempt] = layout(
      [
        { what: "wait", id: "wait", from: 0, to: 2_000, attempt: 1 },
        { what: "step", id: "scan", from: 2_000, to: 8_000, attempt: 1 },
        { what: "pause", id: "pause", from: 4_000, to: 6_000, attempt: 1 },
      ],
      8_000,
    );
    expect(attempt?.lanes.map(({ id, spans }) => [id, spans.length])).toEqual([
      ["scan", 1],
      ["read", 0],
    ]);
    expect(attempt?.bands.map(({ what, start, length }) => [what, start, length])).toEqual([
      ["wait", 0, 0.25],
      ["pause", 0.5, 0.25],
    ]);
  });

  it("the timeline gives every attempt its own axis, and a repeated step a row in each attempt", () => {
    const attempts = layout(
      [
        { what: "step", id: "scan", from: 0, to: 4_000, attempt: 1 },
        { what: "step", id: "scan", from: 50_000, to: 51_000, attempt: 2 },
        { what: "step", id: "read", from: 51_000, to: 52_000, attempt: 2 },
      ],
      90_000,
      52_000,
    );
    expect(attempts.map(({ attempt, from, to, open }) => [attempt, from, to, open])).toEqual([
      [1, 0, 4_000, false],
      [2, 50_000, 52_000, false],
    ]);
    expect(attempts.map(({ lanes }) => lanes.length)).toEqual([1, 2]);
    expect(attempts[1]?.lanes.every(({ spans }) => spans.length === 1)).toBe(true);
  });

  it("the timeline ends open spans where the run has ended", () => {
    const [attempt] = layout([{ what: "step", id: "scan", from: 0, attempt: 1 }], 99_000, 5_000);
    expect(attempt?.lanes[0]?.spans[0]).toMatchObject({ to: 5_000, open: false });
  });

  it("the timeline never draws backwards when the browser's clock is behind", () => {
    const [attempt] = layout([{ what: "step", id: "scan", from: 9_000, attempt: 1 }], 2_000);
    expect(attempt).toMatchObject({ from: 9_000, to: 10_000 });
    expect(attempt?.lanes[0]?.spans[0]).toMatchObject({ start: 0, length: 0 });
  });

  it.each([[1], [17], [700], [6_000], [61_000], [3_600_000], [200_000_000]])(
    "the timeline marks at most seven round moments on an axis of %d ms",
    (ms) => {
      const [attempt] = layout([{ what: "step", id: "scan", from: 0, to: ms, attempt: 1 }], ms);
      const marks = attempt?.ticks ?? [];
      expect(marks.length).toBeGreaterThanOrEqual(2);
      expect(marks.length).toBeLessThanOrEqual(7);
      expect(marks.every(({ at }) => at >= 0 && at <= 1)).toBe(true);
    },
  );

  it("the timeline is empty before anything has happened", () => {
    expect(layout([], 5)).toEqual([]);
  });
});
