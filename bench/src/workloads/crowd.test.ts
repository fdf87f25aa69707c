import { expect, test } from "vitest";
import { divided } from "./crowd.ts";

test("connections that do not divide evenly are all there, one more at the first nodes", () => {
  expect(divided(103, 10)).toEqual([11, 11, 11, 10, 10, 10, 10, 10, 10, 10]);
  expect(divided(10_000, 10)).toEqual(new Array(10).fill(1_000));
});
