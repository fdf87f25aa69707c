import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock, waitingClock } from "./system-clock.ts";
import { systemRandom } from "./system-random.ts";

it("systemClock.soon runs a callback after the current call, its microtasks and its ticks", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.soon(() => {
      order.push("soon");
      resolve();
    });
    queueMicrotask(() => order.push("microtask"));
    process.nextTick(() => order.push("tick"));
    order.push("call");
  });
  expect(order.at(0)).toBe("call");
  expect(order.at(-1)).toBe("soon");
  expect(order).toHaveLength(4);
});

it("a cancelled callback of the system clock never runs, and cancelling it again does nothing", async () => {
  const ran: string[] = [];
  const cancels = [
    systemClock.after(0, () => ran.push("after")),
    systemClock.soon(() => ran.push("soon")),
  ];
  for (const cancel of [...cancels, ...cancels]) cancel();
  await new Promise<void>((resolve) => systemClock.after(2, resolve));
  expect(ran).toEqual([]);
});

describe.each([
  ["systemClock", systemClock],
  ["waitingClock", waitingClock],
])("timers of %s", (_, clock) => {
  const day = 86_400_000;

  beforeEach(() => {
    // Like those of Node, these timers fire at once when their delay is over 2^31 - 1 ms.
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("a timer of 30 days fires then and not at once, and leaves nothing behind when it is cancelled", async () => {
    let fired = 0;
    clock.after(30 * day, () => fired++);
    const cancel = clock.after(30 * day, () => expect.fail("it was cancelled"));
    await vi.advanceTimersByTimeAsync(30 * day - 1);
    cancel();
    expect([fired, vi.getTimerCount()]).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect([fired, vi.getTimerCount()]).toEqual([1, 0]);
  });
});

it("random ids have the requested length and URL-safe characters, and do not repeat", () => {
  const ids = new Set<string>();
  for (let n = 0; n < 2_000; n++) {
    const id = systemRandom.id(16);
    expect(id).toMatch(/^[A-Za-z0-9_-]{16}$/);
    ids.add(id);
  }
  expect(ids.size).toBe(2_000);
  for (const length of [1, 8, 256, 257, 5_000])
    expect(systemRandom.id(length)).toHaveLength(length);
});

it("random fractions are at least 0 and below 1", () => {
  for (let n = 0; n < 1_000; n++) {
    const fraction = systemRandom.fraction();
    expect(fraction).toBeGreaterThanOrEqual(0);
    expect(fraction).toBeLessThan(1);
  }
});
