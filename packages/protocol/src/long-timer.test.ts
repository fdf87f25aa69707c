import { expect, it } from "vitest";
import { longestTimerMs, startTimer } from "./long-timer.ts";

const day = 86_400_000;

/** Platform whose timers fire at once when their delay is too long for them, as those of browsers and Node do. */
function platform() {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    timers,
    start(delayMs: number, callback: () => void) {
      const fits = delayMs >= 0 && delayMs <= longestTimerMs;
      const timer = { at: now + (fits ? delayMs : 1), callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(byMs: number) {
      const end = now + byMs;
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.at - b.at);
        if (next === undefined || next.at > end) break;
        timers.delete(next);
        now = next.at;
        next.callback();
      }
      now = end;
    },
  };
}

it.each([longestTimerMs, longestTimerMs + 1, 25 * day, 30 * day, 365 * day, 2 ** 32 + 5])(
  "a timer of %i ms fires after exactly that time, and once",
  (delayMs) => {
    const { start, advance, timers } = platform();
    let fired = 0;
    startTimer(delayMs, () => fired++, start);
    advance(delayMs - 1);
    expect(fired).toBe(0);
    advance(1);
    expect(fired).toBe(1);
    advance(400 * day);
    expect([fired, timers.size]).toEqual([1, 0]);
  },
);

it("a long timer that is cancelled never fires, in whichever of its parts it is", () => {
  const { start, advance, timers } = platform();
  const cancel = startTimer(60 * day, () => expect.fail("it was cancelled"), start);
  advance(40 * day);
  cancel();
  cancel();
  expect(timers.size).toBe(0);
  advance(400 * day);
});

it("a timer without an end never fires", () => {
  const { start, advance } = platform();
  startTimer(Number.POSITIVE_INFINITY, () => expect.fail("it has no end"), start);
  advance(400 * day);
});

it.each([-1, Number.NEGATIVE_INFINITY, Number.NaN, 0])(
  "a timer of %d ms has the delay 0",
  (given) => {
    const delays: number[] = [];
    startTimer(
      given,
      () => {},
      (delayMs) => {
        delays.push(delayMs);
        return () => {};
      },
    );
    expect(delays).toEqual([0]);
  },
);
