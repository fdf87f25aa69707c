import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

const values = fc.array(fc.nat({ max: 0x7fff_ffff }), { minLength: 1, maxLength: 200 });

test("a percentile is the one of the sorted values, at most 1/64 above it and never below", () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 100 }), (recorded, percent) => {
      const sorted = recorded.toSorted((a, b) => a - b);
      const exact = sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? Number.NaN;
      const estimate = histogramOf(recorded).percentile(percent);
      expect(estimate).toBeGreaterThanOrEqual(exact);
      expect(estimate).toBeLessThanOrEqual(exact * (1 + 1 / 64));
    }),
  );
});

test("values below 128 are exact", () => {
  for (let value = 0; value < 128; value++) {
    const histogram = histogramOf([value, 1_000]);
    expect(histogram.percentile(50)).toBe(value);
  }
});

test("merged parts equal the whole, also after a trip through JSON", () => {
  fc.assert(
    fc.property(values, values, (left, right) => {
      const merged = histogramOf(left);
      merged.merge(JSON.parse(JSON.stringify(histogramOf(right).toData())));
      const whole = histogramOf([...left, ...right]);
      expect(merged.toData()).toEqual(whole.toData());
      expect(merged.count).toBe(left.length + right.length);
    }),
  );
});

test("the largest value is kept exactly and bounds every percentile", () => {
  const histogram = histogramOf([1, 1_000_003]);
  expect(histogram.max).toBe(1_000_003);
  expect(histogram.percentile(100)).toBe(1_000_003);
});

test("negative values count as 0 and too large ones as the largest countable", () => {
  const histogram = histogramOf([-5, 2 ** 40]);
  expect(histogram.percentile(50)).toBe(0);
  expect(histogram.max).toBe(2 ** 31 - 1);
});

test("an empty histogram answers 0, and reset empties it", () => {
  const histogram = histogramOf([7, 9]);
  histogram.reset();
  expect(histogram.count).toBe(0);
  expect(histogram.percentile(99)).toBe(0);
  expect(histogram.toData()).toEqual({ buckets: [], max: 0 });
});
