import { expect, test } from "vitest";
import { summarize } from "./summary.ts";

test("the median of an odd number of rounds is the middle one", () => {
  expect(summarize([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9 });
});

test("the median of an even number of rounds lies between the two middle ones", () => {
  expect(summarize([4, 1, 2, 100])).toEqual({ median: 3, min: 1, max: 100 });
});
