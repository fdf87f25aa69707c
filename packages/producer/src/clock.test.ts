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
