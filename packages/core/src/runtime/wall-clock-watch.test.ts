import { ManualClock } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { TimerWheel } from "./timer-wheel.ts";
import { WallClockWatch } from "./wall-clock-watch.ts";

function setup() {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const seen = { sets: 0, looks: 0, isNeeded: true };
  const watch = new WallClockWatch({
    clock,
    wheel,
    isNeeded: () => {
      seen.looks++;
      return seen.isNeeded;
    },
    onSet: () => seen.sets++,
  });
  return { clock, watch, seen };
}

test("[P-CON-8] a wall clock that is set forward or back is noticed once, within 5 s", async () => {
  const { clock, watch, seen } = setup();
  watch.begin();
  await clock.advance(60_000);
  expect(seen.sets).toBe(0);
  clock.jump(600);
  await clock.advance(5_000);
  expect(seen.sets).toBe(1);
  await clock.advance(60_000);
  expect(seen.sets).toBe(1);
  clock.jump(-3_600_000);
  await clock.advance(5_000);
  expect(seen.sets).toBe(2);
});

test("[P-CON-8] a wall clock that is slewed in small steps is noticed once they add up to half a second", async () => {
  const { clock, watch, seen } = setup();
  watch.begin();
  for (let step = 0; step < 5; step++) {
    clock.jump(100);
    await clock.advance(5_000);
  }
  expect(seen.sets).toBe(0);
  clock.jump(100);
  await clock.advance(5_000);
  expect(seen.sets).toBe(1);
});

test("the watch ends once nothing waits, begins again with the next wait, and never runs twice", async () => {
  const { clock, watch, seen } = setup();
  watch.begin();
  watch.begin();
  await clock.advance(4_800);
  expect(seen.looks).toBe(1);
  seen.isNeeded = false;
  await clock.advance(60_000);
  expect(seen.looks).toBe(2);
  seen.isNeeded = true;
  clock.jump(600_000);
  watch.begin();
  await clock.advance(5_000);
  expect(seen).toEqual({ sets: 0, looks: 3, isNeeded: true });
});
