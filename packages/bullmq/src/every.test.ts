import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { every } from "./every.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("a call at an interval is left out while the call before it still waits", async () => {
  let calls = 0;
  let answer = () => {};
  const timer = every(100, () => {
    calls++;
    return new Promise<void>((resolve) => {
      answer = resolve;
    });
  });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(calls).toBe(1);
  answer();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(calls).toBe(2);
  clearInterval(timer);
});
