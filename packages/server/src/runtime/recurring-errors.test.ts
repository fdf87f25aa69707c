import { ManualClock } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { expect, it } from "vitest";
import { RecurringErrors, type ReportedError } from "./recurring-errors.ts";

it("a repeated error is reported once, then with its count every 30 s, and a different error is reported at once", async () => {
  const told: ReportedError[] = [];
  const clock = new ManualClock();
  const faults = new RecurringErrors(clock, (fault) => told.push(fault));
  for (let second = 0; second <= 60; second++) {
    faults.report(new MilepostError("store_unavailable", "there is no connection"));
    if (second === 10) faults.report(new Error("WRONGTYPE"));
    await clock.advance(1_000);
  }
  expect(told).toEqual([
    { reason: "there is no connection" },
    { reason: "WRONGTYPE" },
    { reason: "there is no connection", times: 30 },
    { reason: "there is no connection", times: 30 },
  ]);
});

it("RecurringErrors remembers at most 32 kinds of errors", () => {
  const told: ReportedError[] = [];
  const faults = new RecurringErrors(new ManualClock(), (fault) => told.push(fault));
  for (let n = 0; n < 33; n++) faults.report(new Error(`fault ${n}`));
  faults.report(new Error("fault 0"));
  expect(told).toHaveLength(34);
});
