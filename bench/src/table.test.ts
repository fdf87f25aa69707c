import { expect, test } from "vitest";
import { layOut } from "./table.ts";

test("layOut aligns the first column left and the other columns right, under their headings", () => {
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

test("layOut returns an empty text for no rows", () => {
  expect(layOut([])).toBe("");
});
