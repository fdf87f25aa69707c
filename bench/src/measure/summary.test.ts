import { expect, test } from "vitest";
import { summarize } from "./summary.ts";

test("summarize takes the middle value as the median of an odd number of rounds", () => {
  expect(summarize([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9 });
});

test("summarize takes the mean of the two middle values as the median of an even number of rounds", () => {
  expect(summarize([4, 1, 2, 100])).toEqual({ median: 3, min: 1, max: 100 });
});
