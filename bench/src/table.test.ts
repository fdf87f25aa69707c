import { expect, test } from "vitest";
import { layOut } from "./table.ts";

test("the first column is flush left, the others flush right, under their heading", () => {
  expect(
    layOut([
      ["", "CPU", "x floor"],
      ["floor", "5.00", "1"],
      ["ws", "10.25", "2.05"],
    ]),
  ).toBe(
    [
      "         CPU  x floor",
      "-----  -----  -------",
      "floor   5.00        1",
      "ws     10.25     2.05",
    ].join("\n"),
  );
});

test("no rows are no text", () => {
  expect(layOut([])).toBe("");
});
