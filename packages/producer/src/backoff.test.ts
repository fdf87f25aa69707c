import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

const bounds = { baseMs: 100, capMs: 5_000 };
const longest = { fraction: () => 1, id: () => "" };

test("the wait after a failure doubles up to its bound", () => {
  const waits = [1, 2, 3, 6, 7, 40, 2_000].map((failures) => backoffMs(failures, bounds, longest));
  expect(waits).toEqual([100, 200, 400, 3_200, 5_000, 5_000, 5_000]);
});

test("the wait is random between nothing and its bound, after what the gateway has asked for", () => {
  const half = { fraction: () => 0.5, id: () => "" };
  expect(backoffMs(1, bounds, { fraction: () => 0, id: () => "" })).toBe(0);
  expect(backoffMs(2, bounds, half)).toBe(100);
  expect(backoffMs(2, bounds, half, 7_000)).toBe(7_100);
});
