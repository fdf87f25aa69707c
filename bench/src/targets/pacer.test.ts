import { expect, test } from "vitest";
import { type PacerClock, runPace } from "./pacer.ts";

/** A clock that stands still but for what waits on it and for what the test adds. */
class ManualClock implements PacerClock {
  us = 5_000_000;
  turns = 0;

  nowUs(): number {
    return this.us;
  }

  after(delayMs: number, callback: () => void): void {
    this.us += delayMs * 1_000;
    this.nextTurn(callback);
  }

  nextTurn(callback: () => void): void {
    this.turns += 1;
    queueMicrotask(callback);
  }
}

test("ticks are due at even distances, the first after one interval", async () => {
  const clock = new ManualClock();
  const due: number[] = [];
  await runPace({ ticks: 3, intervalMs: 20 }, (dueUs) => due.push(dueUs), clock);
  expect(due).toEqual([5_020_000, 5_040_000, 5_060_000]);
  expect(clock.us).toBe(5_060_000);
});

test("slow work moves no due moment, and what is late is sent one tick per turn", async () => {
  const clock = new ManualClock();
  const sent: { dueUs: number; turn: number }[] = [];
  await runPace(
    { ticks: 4, intervalMs: 10 },
    (dueUs) => {
      sent.push({ dueUs, turn: clock.turns });
      if (sent.length === 1) clock.us += 35_000;
    },
    clock,
  );
  expect(sent.map(({ dueUs }) => dueUs)).toEqual([5_010_000, 5_020_000, 5_030_000, 5_040_000]);
  expect(new Set(sent.map(({ turn }) => turn)).size).toBe(4);
});

test("an interval that is no whole number of microseconds does not drift", async () => {
  const clock = new ManualClock();
  const due: number[] = [];
  await runPace({ ticks: 3_000, intervalMs: 1_000 / 3_000 }, (dueUs) => due.push(dueUs), clock);
  expect(due.at(-1)).toBe(6_000_000);
});

test("work that throws ends the schedule with its error", async () => {
  const clock = new ManualClock();
  const pace = runPace(
    { ticks: 3, intervalMs: 1 },
    () => {
      throw new Error("cannot publish");
    },
    clock,
  );
  await expect(pace).rejects.toThrow("cannot publish");
});
