import { expect, test } from "vitest";
import { happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

const first = happened("estimate", { at: 5, basis: 9, remaining: { p50_ms: 10, p90_ms: 20 } });
const second = happened("estimate", { at: 7, basis: 9, slower_than_usual: true });

test("[P-EST-6] an estimate replaces the one before, and is gone when the operation ends or starts again", () => {
  const told = fold(happened("started", {}), first);
  expect(told.estimate).toEqual(first.data);
  const slow = foldOn(told, [second]);
  expect(slow.estimate).toEqual(second.data);
  expect(foldOn(slow, [happened("done", {})]).estimate).toBeUndefined();
  expect(foldOn(slow, [happened("started", { attempt: 2 })]).estimate).toBeUndefined();
});
