import { expect, test } from "vitest";
import { inOrder, overtaken } from "./log-order.ts";

test("entries stand in the order of their offsets, not of their text", () => {
  const log = inOrder([
    { seq: 7, position: "e.10.b" },
    { seq: 8, position: "e.9.a" },
    { seq: 9, position: "e.11.c" },
  ]);
  expect(log.map(({ seq }) => seq)).toEqual([8, 7, 9]);
});

test("what is no position, or of another log, is refused", () => {
  expect(() => inOrder([{ seq: 0, position: "17" }])).toThrow("has the position 17");
  const lives = [
    { seq: 0, position: "e.1.a" },
    { seq: 1, position: "f.2.a" },
  ];
  expect(() => inOrder(lives)).toThrow("the log was begun anew");
});

test.each([
  [[5, 6, 7], 0],
  // 6 skips 5, which then is late.
  [[6, 5, 7], 2],
  [[7, 5, 6], 4],
])(
  "in a log of the order %j a reader's count finds %i that overtook or were overtaken",
  (seqs, wrong) => {
    const log = seqs.map((seq, i) => ({ seq, position: `e.${i + 1}.a` }));
    expect(overtaken(log)).toBe(wrong);
  },
);
