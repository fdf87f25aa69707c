import { expect, test } from "vitest";
import { retryDelayMs } from "./retry-delay.ts";

const bounds = { firstMs: 50, maxMs: 2_000 };

test("[TRAP-10] the delay before a retry is a random share of a bound that doubles with each failure, up to a maximum", () => {
  const most = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((failures) =>
    retryDelayMs(failures, bounds, () => 1),
  );
  expect(most).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
  expect(retryDelayMs(3, bounds, () => 0)).toBe(0);
  expect(retryDelayMs(3, bounds, () => 0.25)).toBe(100);
});

test("the delay before a retry is never shorter than the least share of its bound", () => {
  const least = { ...bounds, least: 0.5 };
  expect([0, 0.5, 1].map((fraction) => retryDelayMs(1, least, () => fraction))).toEqual([
    50, 75, 100,
  ]);
});

test("[TRAP-10] without a given source of randomness, delays differ from each other", () => {
  const delays = Array.from({ length: 50 }, () => retryDelayMs(5, bounds));
  expect(new Set(delays).size).toBeGreaterThan(40);
});
