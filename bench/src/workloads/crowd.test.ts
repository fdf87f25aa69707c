import { expect, test } from "vitest";
import { divided } from "./crowd.ts";

test("divided gives the first nodes one connection more when connections do not divide evenly", () => {
  expect(divided(103, 10)).toEqual([11, 11, 11, 10, 10, 10, 10, 10, 10, 10]);
  expect(divided(10_000, 10)).toEqual(new Array(10).fill(1_000));
});
