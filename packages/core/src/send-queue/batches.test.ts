import type { Publication } from "@milepost/protocol";
import { expect, test } from "vitest";
import { batchesOf, isFullBatch, pagesOf } from "./batches.ts";

function entries(count: number, length = 1): Publication[] {
  return Array.from({ length: count }, (_, i) => ({
    channel: "log:a",
    position: { epoch: "e", offset: i + 1, tag: "t" },
    event: "n",
    json: "x".repeat(length),
    ts: 0,
  }));
}

function sizes(batches: Iterable<readonly Publication[]>): number[] {
  return [...batches].map(({ length }) => length);
}

test("a batch has at most 1,000 entries and 128 KiB of data, except a single larger entry", () => {
  expect(sizes(batchesOf(entries(1_000)))).toEqual([1_000]);
  expect(sizes(batchesOf(entries(2_001)))).toEqual([1_000, 1_000, 1]);
  expect(sizes(batchesOf(entries(4, 65_536)))).toEqual([2, 2]);
  expect(sizes(batchesOf(entries(3, 65_537)))).toEqual([1, 1, 1]);
  expect(sizes(batchesOf(entries(2, 1_000_000)))).toEqual([1, 1]);
  expect(sizes(batchesOf([]))).toEqual([]);
});

test("pages end at the same offsets for every reader, so that readers share them", () => {
  expect(sizes(pagesOf(entries(200)))).toEqual([63, 64, 64, 9]);
  expect(sizes(pagesOf(entries(200).slice(100)))).toEqual([27, 64, 9]);
});

test("a batch is full with 1,000 entries or 128 KiB", () => {
  expect([isFullBatch(999, 131_071), isFullBatch(1_000, 0), isFullBatch(1, 131_072)]).toEqual([
    false,
    true,
    true,
  ]);
});
