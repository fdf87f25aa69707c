import { expect, test } from "vitest";
import { type MemorySample, traceOf } from "./memory-trace.ts";

test("traceOf reports no slope for memory that stops rising, and a slope for memory that keeps rising", () => {
  const fills = Array.from({ length: 60 }, (_, s): MemorySample => [s, Math.min(s, 20) * 1_000]);
  expect(traceOf(fills)).toEqual({ first: 0, peak: 20_000, last: 20_000, slope: 0 });
  const leaks = Array.from({ length: 60 }, (_, s): MemorySample => [s, 5_000 + s * 100]);
  expect(traceOf(leaks).slope).toBeCloseTo(100);
});

test("traceOf reports the peak of memory that rises and falls, and no slope", () => {
  const saw = Array.from({ length: 60 }, (_, s): MemorySample => [s, 1_000 + (s % 10)]);
  expect(traceOf(saw)).toMatchObject({ first: 1_000, peak: 1_009 });
  expect(Math.abs(traceOf(saw).slope)).toBeLessThan(0.2);
});
