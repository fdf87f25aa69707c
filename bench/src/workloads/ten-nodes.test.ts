import { expect, test } from "vitest";
import { rowOf } from "./ten-nodes.ts";
import type { Received, TenNodesRound } from "./ten-nodes-round.ts";

/** Returns a result whose deliveries all took 0.1 ms, with `slowest` milliseconds as the largest latency. */
function received(delivered: number, slowest: number, more: Partial<Received> = {}): Received {
  const ms = (value: number) => value * 1_000;
  return {
    delivered,
    lost: 0,
    wrong: 0,
    closed: 0,
    latency: { buckets: [[linear, delivered]], max: ms(slowest) },
    ...more,
  };
}

/** Index of a histogram bucket that counts one exact value. */
const linear = 100;

function roundOf(together: Received, comeback: Received, more: Partial<TenNodesRound> = {}) {
  return {
    together,
    comeback,
    seconds: 2,
    cpu: { nodes: 1, redis: 0.5, readers: 2, others: 0 },
    nodeBytes: [2 ** 20, 3 * 2 ** 20],
    ...more,
  };
}

test("the ten-nodes report takes rates and CPU from each round's own time, and memory from all nodes of all rounds", () => {
  const rounds = [
    roundOf(received(200, 4), received(10, 7)),
    roundOf(received(200, 5), received(10, 6), {
      seconds: 2.5,
      nodeBytes: [5 * 2 ** 20],
    }),
  ];
  const row = rowOf(rounds, 100);
  expect(row.perSecond).toEqual({ median: 90, min: 80, max: 100 });
  expect(row.cpu).toMatchObject({
    nodes: (0.5 + 0.4) / 2,
    redis: (0.25 + 0.2) / 2,
  });
  expect(row.nodeMegabytes).toEqual({ median: 3, min: 1, max: 5 });
  expect(row.together).toMatchObject({ p50: 0.1, max: 5, lost: 0, wrong: 0 });
  expect(row.comeback).toMatchObject({ max: 7 });
  expect(row.faults).toEqual([]);
});

test("the ten-nodes report lists lost and wrong deliveries, ended connections and a pace that was not kept", () => {
  const rounds = [
    roundOf(
      received(100, 1, { lost: 3, wrong: 4, closed: 2, closeReason: "the server ended it" }),
      received(10, 1, { lost: 1, closed: 3 }),
    ),
  ];
  expect(rowOf(rounds, 100).faults).toEqual([
    "all ten: 3 not delivered, 4 skipped, repeated or late",
    "after the kill: 1 not delivered, 0 skipped, repeated or late",
    "2 connections ended: the server ended it",
    "3 connections to the other node ended after the kill",
    "only 50 % of the pace was kept, so the latencies include queueing; does the machine have enough cores and no other work?",
  ]);
});
