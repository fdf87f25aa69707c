import { expect, test } from "vitest";
import { SequenceCheck } from "./sequence-check.ts";

const channelOf = (index: number) => index;
const none = new Map<number, ReadonlySet<number>>();

test("readers that received every number of their channel have no faults", () => {
  const check = new SequenceCheck(2);
  for (const index of [0, 1]) check.opened(index);
  for (const seq of [0, 1, 2]) check.delivered(0, seq);
  expect(check.finish(channelOf, [3, 0], none)).toEqual({ missing: 0, repeated: 0 });
});

test("numbers skipped in between, at the start and at the end are missing", () => {
  const check = new SequenceCheck(1);
  check.opened(0);
  for (const seq of [1, 2, 5]) check.delivered(0, seq);
  expect(check.isComplete(channelOf, [8])).toBe(false);
  expect(check.isComplete(channelOf, [6])).toBe(true);
  expect(check.finish(channelOf, [8], none)).toEqual({ missing: 5, repeated: 0 });
});

test("a number that comes late counts once as late, and no longer as missing; one that comes twice as repeated", () => {
  const check = new SequenceCheck(1);
  check.opened(0);
  for (const seq of [0, 2, 1, 2]) check.delivered(0, seq);
  expect(check.finish(channelOf, [3], none)).toEqual({ missing: 0, repeated: 2 });
});

test("a reader whose connection ended is owed nothing more, and one that never opened nothing at all", () => {
  const check = new SequenceCheck(2);
  check.opened(0);
  check.delivered(0, 0);
  check.ended(0);
  expect(check.finish(channelOf, [9, 9], none)).toEqual({ missing: 0, repeated: 0 });
});

test("a number whose publish has no known outcome may be missing or come late, but not twice", () => {
  const check = new SequenceCheck(1);
  check.opened(0);
  for (const seq of [0, 2]) check.delivered(0, seq);
  const uncertain = new Map([[0, new Set([1, 3])]]);
  expect(check.finish(channelOf, [4], uncertain)).toEqual({ missing: 0, repeated: 0 });
  check.delivered(0, 1);
  expect(check.finish(channelOf, [4], uncertain)).toEqual({ missing: 0, repeated: 0 });
  check.delivered(0, 1);
  expect(check.finish(channelOf, [4], uncertain)).toEqual({ missing: 0, repeated: 1 });
});
