import { expect, test } from "vitest";
import { Histogram } from "../measure/histogram.ts";
import { rowOf } from "./hostile.ts";

function report(ms: readonly number[], lost = 0) {
  const histogram = new Histogram();
  for (const each of ms) histogram.record(each * 1_000);
  return { latency: histogram.toData(), lost, closed: 0 };
}

const tally = { bytes: 2 ** 21, opened: 3, ended: 2 };

test("an attack that adds less than 20 ms to the p99 and loses nothing has no faults", () => {
  const before = report([1, 2, 3]);
  const row = rowOf({ attack: "pings", before, during: report([1, 2, 22]), tally, grown: 0 });
  expect(row.faults).toEqual([]);
  expect(row.cells.slice(7)).toEqual(["2.0", "3", "2", "0"]);
});

test("an attack that adds more than 20 ms to the p99 is named with both figures", () => {
  const before = report([1, 2, 3]);
  const { faults } = rowOf({ attack: "pings", before, during: report([1, 30]), tally, grown: 0 });
  expect(faults).toEqual([expect.stringMatching(/^pings: the p99 rose from 3\.0 to 30\.\d ms$/)]);
});

test("an attack that loses publications or closes healthy clients is named with the number", () => {
  const during = { ...report([1], 4), closed: 2, closeReason: "closed with 4429" };
  const row = rowOf({ attack: "pings", before: report([1]), during, tally, grown: 0 });
  expect(row.faults).toEqual([
    "pings: 4 publications did not come back",
    "pings: 2 healthy clients were closed: closed with 4429",
  ]);
});
