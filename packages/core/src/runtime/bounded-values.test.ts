import { expect, test } from "vitest";
import { BoundedValues } from "./bounded-values.ts";

test("[P-MET-3] values beyond the bound of a label, and those that are too long, share the value other", () => {
  const parts = new BoundedValues(2, (value) => ({ value }));
  const shownAs = (value: string) => parts.of(value).value;
  expect(["a", "b", "c", "d"].map(shownAs)).toEqual(["a", "b", "other", "other"]);
  expect(shownAs("a")).toBe("a");
  expect(parts.of("c")).toBe(parts.of("x".repeat(65)));
});
