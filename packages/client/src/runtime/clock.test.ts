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

  it.each([25, 30, 60])(
    "a timer of %i days fires after that time and not at once",
    async (days) => {
      let fired = 0;
      systemClock.after(days * day, () => fired++);
      await vi.advanceTimersByTimeAsync(days * day - 1);
      expect(fired).toBe(0);
      await vi.advanceTimersByTimeAsync(1);
      expect(fired).toBe(1);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it("a cancelled timer of 30 days never fires, and leaves nothing behind", async () => {
    const cancel = systemClock.after(30 * day, () => expect.fail("it was cancelled"));
    await vi.advanceTimersByTimeAsync(29 * day);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("a timer without an end does not fire, and one of a negative or no number fires at once", async () => {
    const fired: string[] = [];
    const cancel = systemClock.after(Number.POSITIVE_INFINITY, () => fired.push("never"));
    systemClock.after(-5, () => fired.push("negative"));
    systemClock.after(Number.NaN, () => fired.push("no number"));
    await vi.advanceTimersByTimeAsync(90 * day);
    expect(fired).toEqual(["negative", "no number"]);
    cancel();
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
