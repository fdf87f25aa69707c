import { maxDurationRecord } from "@milepost/engine";
import { expect, test } from "vitest";
import { decodeRun, encodeRun, type LearnedRun } from "./learned-run.ts";

const run = (change: Partial<LearnedRun> = {}): LearnedRun => ({
  totalMs: 90_000,
  elapsedMs: [5, 0, 9_000, undefined, 40_000, undefined, 80_000],
  steps: [],
  ...change,
});

test("[P-EST-16] a run is read as it was written, with steps of any name in the order in which they began", () => {
  const steps = ["build", "a,b:c~d", "é", "__proto__"].map((id, i) => ({
    id,
    startMs: 100 * i,
    tookMs: 1_000 - 100 * i,
  }));
  const whole = run({ size: 12, steps });
  expect(decodeRun(encodeRun(whole))).toEqual(whole);
  expect(decodeRun(encodeRun(run()))).toEqual(run());
});

test("[P-EST-16] of more steps than fit into a record, those that take the longest are kept", () => {
  const steps = Array.from({ length: 200 }, (_, i) => ({
    id: `step-with-a-long-name-${i}`,
    startMs: i,
    tookMs: i % 2 === 0 ? 10 : 50_000 + i,
  }));
  const text = encodeRun(run({ steps }));
  expect(text.length).toBeLessThanOrEqual(maxDurationRecord);
  expect(text.length).toBeGreaterThan(maxDurationRecord - 50);
  const kept = decodeRun(text)?.steps ?? [];
  expect(kept.length).toBeGreaterThan(20);
  expect(Math.min(...kept.map(({ tookMs }) => tookMs))).toBeGreaterThan(50_100);
});

test("[P-EST-9] a record without steps, as an older gateway wrote it, has its times and no steps", () => {
  expect(decodeRun("1xg0,,5,0,6y0,,uv4,,1pq8")).toEqual(run());
  expect(decodeRun("no run")).toBeUndefined();
});
