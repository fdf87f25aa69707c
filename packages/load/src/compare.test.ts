import { expect, test } from "vitest";
import { compareReports } from "./compare.ts";
import { isClean, readReport } from "./report.ts";
import { sampleReport } from "./testing/sample-report.ts";

test("a comparison gives the ratio of each figure and by how much it became worse", () => {
  const { figures, cautions } = compareReports(sampleReport(2_000), sampleReport(3_000));
  expect(figures.find(({ name }) => name === "delivery p99")).toMatchObject({
    ratio: expect.closeTo(1.5, 2),
    worsePercent: expect.closeTo(50, 0),
    words: ["2.00 ms", "3.00 ms"],
  });
  expect(figures.find(({ name }) => name === "lost")).toMatchObject({ worsePercent: 0 });
  expect(cautions).toEqual([]);
});

test("fewer deliveries a second are worse, and a first loss is worse by any measure", () => {
  const before = sampleReport(1_000);
  const delivery = { ...before.delivery, perSecond: 2_500, missing: 1 };
  const { figures } = compareReports(before, sampleReport(1_000, { delivery }));
  expect(figures.find(({ name }) => name === "deliveries/s")?.worsePercent).toBe(50);
  expect(figures.find(({ name }) => name === "lost")?.worsePercent).toBe(Number.POSITIVE_INFINITY);
});

test("a comparison warns of another shape or machine, and repeats the warnings of both runs", () => {
  const before = sampleReport(1_000);
  const after = sampleReport(1_000, {
    shape: { ...before.shape, rate: 1_000 },
    machine: { ...before.machine, cores: 8 },
    warnings: ["the generator is the limit"],
  });
  expect(compareReports(before, after).cautions).toEqual([
    "the runs had another rate: 500 and 1000",
    "the runs had another cores: 2 and 8",
    "the second run: the generator is the limit",
  ]);
});

test("readReport says what is wrong with a file that is no report of this version", () => {
  expect(() => readReport("{", "a.json")).toThrow("a.json is not JSON");
  expect(() => readReport("null", "a.json")).toThrow("no report of a run");
  const old = JSON.stringify({ ...sampleReport(1), version: 0 });
  expect(() => readReport(old, "a.json")).toThrow("version 0");
  const report = sampleReport(1_000);
  expect(readReport(JSON.stringify(report), "a.json")).toEqual(report);
});

test("a run is clean only if nothing failed, ended, was refused, lost or repeated", () => {
  const report = sampleReport(1_000);
  expect(isClean(report)).toBe(true);
  expect(isClean({ ...report, delivery: { ...report.delivery, repeated: 1 } })).toBe(false);
  expect(isClean({ ...report, connect: { ...report.connect, opened: 999 } })).toBe(false);
  expect(isClean({ ...report, disconnects: [{ reason: "closed", count: 1 }] })).toBe(false);
});
