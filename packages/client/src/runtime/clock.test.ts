import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../testing/index.ts";
import { type ClientClock, systemClock } from "./clock.ts";
import { Schedule } from "./schedule.ts";

const day = 86_400_000;

describe("the system clock of the client", () => {
  beforeEach(() => {
    // Like those of a platform, these timers fire at once when their delay is over 2^31 - 1 ms.
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("a timer of 30 days fires then and not at once, and leaves nothing behind when it is cancelled", async () => {
    let fired = 0;
    systemClock.after(30 * day, () => fired++);
    const cancel = systemClock.after(30 * day, () => expect.fail("it was cancelled"));
    await vi.advanceTimersByTimeAsync(30 * day - 1);
    cancel();
    expect([fired, vi.getTimerCount()]).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect([fired, vi.getTimerCount()]).toEqual([1, 0]);
  });
});

describe("the schedule of a client", () => {
  it("a deadline 30 days away runs then, even on a clock whose timers hold only 2^31 - 1 ms", async () => {
    const clock = new ManualClock();
    const short: ClientClock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs, callback) => clock.after(delayMs > 2 ** 31 - 1 ? 1 : delayMs, callback),
    };
    const schedule = new Schedule(short);
    const ran: number[] = [];
    schedule.after(30 * day, () => ran.push(clock.monotonic()));
    await clock.advance(31 * day);
    expect(ran).toEqual([30 * day]);
    expect(clock.timers).toBe(0);
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300])(
    "a deadline of %d ms holds up none of the others",
    async (delayMs) => {
      const clock = new ManualClock();
      const schedule = new Schedule(clock);
      const ran: string[] = [];
      schedule.after(1_000, () => ran.push("before"));
      const cancel = schedule.after(delayMs, () => {});
      schedule.after(2_000, () => ran.push("after"));
      await clock.advance(3_000);
      expect(ran).toEqual(["before", "after"]);
      cancel();
      expect(clock.timers).toBe(0);
    },
  );
});

describe("the manual clock of the client", () => {
  it("a timer of 30 days fires then, and one of a negative or no number at once", async () => {
    const clock = new ManualClock();
    const fired: unknown[] = [];
    for (const delayMs of [30 * day, Number.NaN, -1]) {
      clock.after(delayMs, () => fired.push([delayMs, clock.monotonic()]));
    }
    await clock.advance(31 * day);
    expect(fired).toEqual([
      [Number.NaN, 0],
      [-1, 0],
      [30 * day, 30 * day],
    ]);
  });
});
