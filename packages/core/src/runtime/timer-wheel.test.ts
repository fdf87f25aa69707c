import { ManualClock } from "@milepost/engine/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadline, TimerWheel } from "./timer-wheel.ts";

class Noted extends Deadline {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  override onDue(): void {
    this.#run();
  }
}

function setup() {
  const clock = new ManualClock();
  const errorLog: unknown[] = [];
  const wheel = new TimerWheel(clock, (error) => errorLog.push(error));
  return { clock, wheel, faults: errorLog };
}

test("a deadline a fraction of a millisecond after a slot's time runs in the next slot", async () => {
  const { clock, wheel } = setup();
  const ranAt: number[] = [];
  wheel.set(new Noted(() => ranAt.push(clock.monotonic())), 100.5);
  await clock.advance(1_000);
  expect(ranAt).toEqual([150]);
});

test("any number of deadlines run on one timer, never a fraction of a millisecond early and at most one slot late", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 4_000_000 }), { minLength: 1, maxLength: 40 }),
      async (tenths) => {
        const delays = tenths.map((n) => n / 10);
        const { clock, wheel } = setup();
        await clock.advance(12_345);
        const start = clock.monotonic();
        const late: number[] = [];
        for (const delay of delays) {
          wheel.set(new Noted(() => late.push(clock.monotonic() - start - delay)), delay);
        }
        expect(clock.pendingTimers).toBe(1);
        await clock.advance(401_000);
        expect(late).toHaveLength(delays.length);
        for (const ms of late) {
          expect(ms).toBeGreaterThanOrEqual(0);
          expect(ms).toBeLessThanOrEqual(50);
        }
        expect(clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: 30 },
  );
});

test("a deadline that is cleared or moved does not run at its old time", async () => {
  const { clock, wheel } = setup();
  let runs = 0;
  const cleared = new Noted(() => runs++);
  const moved = new Noted(() => runs++);
  wheel.set(cleared, 1_000);
  wheel.set(moved, 1_000);
  wheel.clear(cleared);
  wheel.clear(cleared);
  wheel.set(moved, 5_000);
  await clock.advance(4_000);
  expect(runs).toBe(0);
  await clock.advance(1_100);
  expect(runs).toBe(1);
});

test("a deadline that clears another one due at the same time keeps the other from running", async () => {
  const { clock, wheel } = setup();
  const ran: string[] = [];
  const second = new Noted(() => ran.push("second"));
  const third = new Noted(() => ran.push("third"));
  wheel.set(
    new Noted(() => {
      ran.push("first");
      wheel.clear(second);
    }),
    1_000,
  );
  wheel.set(second, 1_000);
  wheel.set(third, 1_000);
  await clock.advance(2_000);
  expect(ran.sort()).toEqual(["first", "third"]);
});

test("a deadline may set itself again, and one that throws does not affect the others", async () => {
  const { clock, wheel, faults: errorLog } = setup();
  let ticks = 0;
  const every: Noted = new Noted(() => {
    ticks++;
    if (ticks < 5) wheel.set(every, 100);
  });
  wheel.set(every, 100);
  wheel.set(
    new Noted(() => {
      throw new Error("broken");
    }),
    100,
  );
  await clock.advance(1_000);
  expect(ticks).toBe(5);
  expect(errorLog).toHaveLength(1);
});

test("an earlier deadline wakes the timer wheel earlier, and a closed wheel runs nothing", async () => {
  const { clock, wheel } = setup();
  const ran: string[] = [];
  wheel.set(new Noted(() => ran.push("late")), 60_000);
  wheel.set(new Noted(() => ran.push("early")), 200);
  await clock.advance(300);
  expect(ran).toEqual(["early"]);
  wheel.close();
  await clock.advance(100_000);
  expect(ran).toEqual(["early"]);
  expect(clock.pendingTimers).toBe(0);
});

test.each([Number.NaN, -1, Number.NEGATIVE_INFINITY])(
  "a deadline of %d ms runs in the next slot, and holds up none of the others",
  async (delayMs) => {
    const { clock, wheel } = setup();
    const ran: string[] = [];
    wheel.set(new Noted(() => ran.push("strange")), delayMs);
    wheel.set(new Noted(() => ran.push("other")), 1_000);
    await clock.advance(100);
    expect(ran).toEqual(["strange"]);
    await clock.advance(1_000);
    expect(ran).toEqual(["strange", "other"]);
    expect(clock.pendingTimers).toBe(0);
  },
);

test("a deadline 30 days away runs then, and one without an end never", async () => {
  const { clock, wheel } = setup();
  const ran: number[] = [];
  wheel.set(new Noted(() => expect.fail("it has no end")), Number.POSITIVE_INFINITY);
  wheel.set(new Noted(() => ran.push(clock.monotonic())), 30 * 86_400_000);
  await clock.advance(30 * 86_400_000 - 1);
  expect(ran).toEqual([]);
  await clock.advance(86_400_000);
  expect(ran).toEqual([30 * 86_400_000]);
});

test("a deadline just beyond one turn of the wheel does not run early", async () => {
  const { clock, wheel } = setup();
  const ranAt: number[] = [];
  for (const delayMs of [51_149, 51_151, 51_180, 51_199])
    wheel.set(new Noted(() => ranAt.push(clock.monotonic())), delayMs);
  await clock.advance(60_000);
  expect(ranAt).toEqual([51_150, 51_200, 51_200, 51_200]);
});

test("a deadline that is cleared takes no other one of its slot with it", async () => {
  const { clock, wheel } = setup();
  const ran: string[] = [];
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => new Noted(() => ran.push(name)));
  for (const deadline of [a, b, c, d]) if (deadline !== undefined) wheel.set(deadline, 100);
  if (a !== undefined) wheel.clear(a);
  if (c !== undefined) wheel.clear(c);
  await clock.advance(200);
  expect(ran.toSorted()).toEqual(["b", "d"]);
});
