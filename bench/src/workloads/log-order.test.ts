import { expect, test } from "vitest";
import { inOrder, overtaken } from "./log-order.ts";

test("inOrder sorts entries by their numeric offsets, not by the text of their positions", () => {
  const log = inOrder([
    { seq: 7, position: "e.10.b" },
    { seq: 8, position: "e.9.a" },
    { seq: 9, position: "e.11.c" },
  ]);
  expect(log.map(({ seq }) => seq)).toEqual([8, 7, 9]);
});

test("inOrder refuses a malformed position and positions of different epochs", () => {
  expect(() => inOrder([{ seq: 0, position: "17" }])).toThrow(
    "publication 0 has the malformed position 17",
  );
  const lives = [
    { seq: 0, position: "e.1.a" },
    { seq: 1, position: "f.2.a" },
  ];
  expect(() => inOrder(lives)).toThrow("the log started a new epoch");
});

test.each([
  [[5, 6, 7], 0],
  // Publication 6 skips 5, which is then late.
  [[6, 5, 7], 2],
  [[7, 5, 6], 4],
])("with the log order %j, overtaken counts %i publications as skipped or late", (seqs, wrong) => {
  const log = seqs.map((seq, i) => ({ seq, position: `e.${i + 1}.a` }));
  expect(overtaken(log)).toBe(wrong);
});
