import { expect, test } from "vitest";
import { type PacerClock, runPace } from "./pacer.ts";

/** Clock that advances only by the waits of the code under test and by what the test adds. */
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

test("runPace makes ticks due at equal intervals, the first after one interval", async () => {
  const clock = new ManualClock();
  const due: number[] = [];
  await runPace({ ticks: 3, intervalMs: 20 }, (dueUs) => due.push(dueUs), clock);
  expect(due).toEqual([5_020_000, 5_040_000, 5_060_000]);
  expect(clock.us).toBe(5_060_000);
});

test("runPace keeps each tick's due moment when the work is slow, and sends late ticks one per turn of the event loop", async () => {
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

test("runPace does not drift when the interval is not a whole number of microseconds", async () => {
  const clock = new ManualClock();
  const due: number[] = [];
  await runPace({ ticks: 3_000, intervalMs: 1_000 / 3_000 }, (dueUs) => due.push(dueUs), clock);
  expect(due.at(-1)).toBe(6_000_000);
});

test("runPace rejects with the error of work that throws, and stops", async () => {
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
