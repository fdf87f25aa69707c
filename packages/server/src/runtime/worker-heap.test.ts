import { expect, test } from "vitest";
import { workerFlags } from "./worker-heap.ts";

test("[C12] workers keep the flags of their supervisor and have less room for new objects than Node's default", () => {
  expect(workerFlags(["--inspect=0"])).toEqual(["--inspect=0", "--max-semi-space-size=8"]);
});

test("[C12] an operator's own room for new objects holds for workers, by a flag or by NODE_OPTIONS", () => {
  expect(workerFlags(["--max_semi_space_size=32"])).toEqual(["--max_semi_space_size=32"]);
  expect(workerFlags([], "--no-warnings --max-semi-space-size=64")).toEqual([]);
  expect(workerFlags([], "--min-semi-space-size=64")).toEqual([]);
});
