import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

const values = fc.array(fc.nat({ max: 0x7fff_ffff }), { minLength: 1, maxLength: 200 });

test("a percentile is never below the value of the sorted list, and at most 1/64 above it", () => {
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

test("a histogram counts values below 128 exactly", () => {
  for (let value = 0; value < 128; value++) {
    const histogram = histogramOf([value, 1_000]);
    expect(histogram.percentile(50)).toBe(value);
  }
});

test("merged histograms equal one histogram of all values, also after a trip through JSON", () => {
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

test("a histogram keeps the largest value exactly, and no percentile exceeds it", () => {
  const histogram = histogramOf([1, 1_000_003]);
  expect(histogram.max).toBe(1_000_003);
  expect(histogram.percentile(100)).toBe(1_000_003);
});

test("a histogram counts negative values as 0 and values beyond its range as the largest countable one", () => {
  const histogram = histogramOf([-5, 2 ** 40]);
  expect(histogram.percentile(50)).toBe(0);
  expect(histogram.max).toBe(2 ** 31 - 1);
});

test("an empty histogram has percentile 0, and reset empties a histogram", () => {
  const histogram = histogramOf([7, 9]);
  histogram.reset();
  expect(histogram.count).toBe(0);
  expect(histogram.percentile(99)).toBe(0);
  expect(histogram.toData()).toEqual({ buckets: [], max: 0 });
});
