import { expect, test } from "vitest";
import { rowOf } from "./comeback.ts";
import type { Absence, ComebackRound } from "./comeback-round.ts";

function roundOf(
  absence: Absence,
  serverCpuSeconds: number,
  more: Partial<ComebackRound> = {},
): ComebackRound {
  const rest = { seconds: 2, generatorCpuSeconds: 1, lost: 0, wrong: 0, closed: 0 };
  return { absence, serverCpuSeconds, ...rest, ...more };
}

test("the reconnect report compares a target's CPU time with that of the empty run of the same round, so a slow round changes no ratio", () => {
  const rounds = [
    [roundOf("nothing", 1), roundOf("the same", 1.5)],
    [roundOf("the same", 3), roundOf("nothing", 2)],
  ];
  const { toNothing, faults } = rowOf("the same", rounds);
  expect(toNothing).toMatchObject({ min: 1.5, max: 1.5 });
  expect(faults).toEqual([]);
});

test("the comeback report lists lost and repeated publications, ended connections and rounds that took too long", () => {
  const more = { lost: 1, wrong: 2, closed: 3, seconds: 11 };
  const rounds = [[roundOf("nothing", 1), roundOf("by turns", 1, more)]];
  expect(rowOf("by turns", rounds).faults).toEqual([
    "missed by turns: 3 lost, skipped or repeated",
    "missed by turns: 3 connections ended",
    "missed by turns: took longer than 10 s",
  ]);
});
