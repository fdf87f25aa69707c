import { expect, test } from "vitest";
import { Histogram } from "../measure/histogram.ts";
import type { TargetName } from "../targets/catalog.ts";
import { summarizeRounds, tableOf } from "./paced-report.ts";
import type { PacedRound } from "./paced-round.ts";

function roundOf(target: TargetName, cpuUs: number, more: Partial<PacedRound> = {}): PacedRound {
  const latency = new Histogram();
  latency.record(cpuUs * 1_000);
  return {
    target,
    ticksPerSecond: 50,
    cpuUsPerDelivery: cpuUs,
    deliveredPerSecond: 50_000,
    paceKept: 1,
    messagesPerRead: 1,
    serverCpu: 0.3,
    generatorCpu: 0.3,
    latency: latency.toData(),
    lost: 0,
    missing: 0,
    repeated: 0,
    closed: 0,
    ...more,
  };
}

test("the paced report compares targets within one round, whatever order they ran in", () => {
  const rows = summarizeRounds(
    ["floor", "ws", "socket.io"],
    [
      [roundOf("floor", 4), roundOf("ws", 6), roundOf("socket.io", 8)],
      // In this round everything took twice as long.
      [roundOf("ws", 12), roundOf("socket.io", 16), roundOf("floor", 8)],
    ],
  );
  const ws = rows.find(({ target }) => target === "ws");
  expect(ws?.toFloor).toEqual({ median: 1.5, min: 1.5, max: 1.5 });
  expect(ws?.toSocketIo).toEqual({ median: 0.75, min: 0.75, max: 0.75 });
  expect(ws?.cpuUsPerDelivery).toEqual({ median: 9, min: 6, max: 12 });
});

test("the paced report has no ratio to the floor when the floor was not measured, and its table stays complete", () => {
  const rows = summarizeRounds(["ws"], [[roundOf("ws", 6)]]);
  expect(rows[0]?.toFloor).toBeUndefined();
  const [heading = [], ...body] = tableOf(rows);
  expect(body.map((row) => row.length)).toEqual([heading.length]);
});

test("the paced report computes percentiles over all rounds together", () => {
  const rows = summarizeRounds(
    ["ws"],
    [[roundOf("ws", 1)], [roundOf("ws", 3)], [roundOf("ws", 2)]],
  );
  expect(rows[0]?.latencyMs.p50).toBeCloseTo(2, 1);
  expect(rows[0]?.latencyMs.p99).toBeCloseTo(3, 1);
});

test("the paced report lists losses, ended connections, processes at their limit and a pace that was not kept", () => {
  const { faults = [] } =
    summarizeRounds(
      ["ws"],
      [
        [roundOf("ws", 6, { lost: 3, missing: 2, repeated: 1 })],
        [roundOf("ws", 6, { closed: 4, closeReason: "reset" })],
        [roundOf("ws", 6, { generatorCpu: 0.97 })],
        [roundOf("ws", 6, { serverCpu: 0.99 })],
        [roundOf("ws", 6, { paceKept: 0.5 })],
      ],
    )[0] ?? {};
  expect(faults).toEqual([
    "ws: 3 not delivered, 2 skipped, 1 repeated or late",
    "ws: 4 connections ended: reset",
    expect.stringContaining("the generator was at its limit"),
    expect.stringContaining("the server was at its limit"),
    expect.stringContaining("only 50 % of the pace was kept"),
  ]);
});
