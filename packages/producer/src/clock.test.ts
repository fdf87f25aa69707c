import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs } from "./backoff.ts";
import { systemClock } from "./clock.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const day = 86_400_000;

describe("the system clock of the producer", () => {
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

  it("a cancelled timer of 30 days leaves nothing behind, in whichever of its parts it is", async () => {
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

it("the producer's manual clock fires a timer of a negative or no number at once, and one of 30 days then", async () => {
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

it("a producer that is asked to wait 25 days tries again after an hour", () => {
  const waits = [1, 5, 50].map((failures) =>
    backoffMs(
      failures,
      { baseMs: 250, capMs: 15_000 },
      { fraction: () => 0, id: () => "" },
      25 * day,
    ),
  );
  expect(waits).toEqual([3_600_000, 3_600_000, 3_600_000]);
});
