import { expect, test } from "vitest";
import { isNews, Pace } from "./places.ts";

test("[P-BUL-3] the first ten places are told at every change, and later ones when they have moved by a tenth or after 30 s", () => {
  const told = (position: number) => ({ place: { position, total: 500 }, at: 0 });
  const now = (position: number, total = 500) => ({ position, total });
  expect(isNews(now(7), undefined, 0)).toBe(true);
  expect(isNews(now(7), told(7), 90_000)).toBe(false);
  expect(isNews(now(9), told(10), 1)).toBe(true);
  expect(isNews(now(199), told(200), 1)).toBe(false);
  expect(isNews(now(180), told(200), 1)).toBe(true);
  expect(isNews(now(220), told(200), 1)).toBe(true);
  expect(isNews(now(199), told(200), 30_000)).toBe(true);
  expect(isNews(now(200, 499), told(200), 29_999)).toBe(false);
});

test("[P-BUL-3] a wait is estimated from the mean time between the latest 21 ends, once three jobs have ended", () => {
  const pace = new Pace();
  pace.ended(0);
  pace.ended(1_000);
  expect(pace.waitMs(4)).toBeUndefined();
  pace.ended(3_000);
  expect(pace.waitMs(4)).toBe(6_000);
  for (let n = 1; n <= 30; n++) pace.ended(3_000 + n * 100);
  expect(pace.waitMs(10)).toBe(1_000);
});
