import { expect, test } from "vitest";
import { Histogram } from "../measure/histogram.ts";
import { rowOf } from "./never-reading.ts";
import type { Company, NeverReadingRound } from "./never-reading-round.ts";

function roundOf(
  company: Company,
  p99Ms: number,
  more: Partial<NeverReadingRound> = {},
): NeverReadingRound {
  const latency = new Histogram();
  latency.record(p99Ms * 1_000);
  return {
    company,
    latency: latency.toData(),
    deliveredPerSecond: 50_000,
    lost: 0,
    missing: 0,
    repeated: 0,
    closed: 0,
    memory: { first: 1, peak: 2, last: 2, slope: 0 },
    serverCpu: 0.3,
    generatorCpu: 0.3,
    companyCpu: 0.1,
    deaf: { ended: 0, cameBack: 0 },
    ...more,
  };
}

test("the never-reading report compares p99 within each round, so that what slows a whole round down cancels out", () => {
  const rounds = [
    [roundOf("nobody", 10), roundOf("deaf", 11)],
    [roundOf("deaf", 42), roundOf("nobody", 40)],
  ];
  const { toNobody, faults } = rowOf("deaf", rounds);
  expect(toNobody?.median).toBeCloseTo(1.075, 1);
  expect(toNobody?.max).toBeLessThan(1.2);
  expect(faults).toEqual([]);
});

test("the never-reading report lists losses, a risen p99, memory that keeps rising and a busy generator", () => {
  const slope = 1_000_000;
  const memory = { first: 1, peak: 9, last: 9, slope };
  const rounds = [
    [roundOf("nobody", 10), roundOf("deaf", 20, { memory, generatorCpu: 0.95, lost: 2 })],
  ];
  expect(rowOf("deaf", rounds).faults).toEqual([
    "with deaf connected: 2 lost, skipped or repeated",
    "with deaf connected: the p99 latency of the measured readers was more than 20 % above that without them",
    "with deaf connected: the server's memory keeps rising",
    "with deaf connected: the generator was at its limit, so the latencies are its own; lower the rate",
  ]);
});
