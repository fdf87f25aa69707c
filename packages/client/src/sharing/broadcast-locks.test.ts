import { expect, it } from "vitest";
import { ManualClock, settle } from "../testing/manual-clock.ts";
import { type FakeTab, TabWorld } from "../testing/tab-world.ts";
import { BroadcastLocks } from "./broadcast-locks.ts";
import type { HeldLock } from "./tabs.ts";

const never = new AbortController().signal;

/** Returns a clock, and a function that opens a tab with locks; the tab with the lower number claims first. */
function browser() {
  const clock = new ManualClock();
  const world = new TabWorld();
  let tabs = 0;
  const open = () => {
    const tab: FakeTab = world.open();
    const number = ++tabs / 100;
    const tabClock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms: number, callback: () => void) => clock.after(ms, () => tab.run(callback)),
    };
    const channel: FakeTab["channel"] = (name, onMessage) => tab.channel(name, onMessage);
    return { tab, locks: new BroadcastLocks(channel, tabClock, () => number) };
  };
  return { clock, world, open };
}

/** Records the outcome of a lock that is waited for. */
function outcome(lock: Promise<HeldLock | undefined>) {
  const record: { lock?: HeldLock | undefined; isStolen: boolean; error?: unknown } = {
    isStolen: false,
  };
  lock.then(
    (held) => {
      record.lock = held;
      void held?.stolen.then(() => {
        record.isStolen = true;
      });
    },
    (error) => {
      record.error = error;
    },
  );
  return record;
}

it("of tabs that claim a lock at once one holds it, and the next one does as soon as it is released", async () => {
  const { clock, open } = browser();
  const tabs = [open(), open(), open()];
  const waits = tabs.map(({ locks }) => outcome(locks.wait("a", never)));
  const holders = () => waits.filter(({ lock }) => lock !== undefined).length;
  await clock.advance(5_000);
  expect(holders()).toBe(1);
  expect(waits[0]?.lock).toBeDefined();
  waits[0]?.lock?.release();
  await clock.advance(400);
  expect(holders()).toBe(2);
  await clock.advance(5_000);
  expect(holders()).toBe(2);
});

it("a lock that another tab or this tab holds is not free, and a lock of another name is", async () => {
  const { clock, open } = browser();
  const [first, second] = [open(), open()];
  outcome(first.locks.tryTake("a"));
  await clock.advance(300);
  const tries = [
    outcome(first.locks.tryTake("a")),
    outcome(second.locks.tryTake("a")),
    outcome(second.locks.tryTake("b")),
  ];
  await clock.advance(300);
  expect(tries.map(({ lock }) => lock !== undefined)).toEqual([false, false, true]);
});

it("a lock of a tab that crashed or is frozen goes to another tab, and the frozen one learns that it lost it", async () => {
  const { clock, open } = browser();
  const [first, second, third] = [open(), open(), open()];
  outcome(first.locks.wait("a", never));
  await clock.advance(300);
  first.tab.crash();
  const next = outcome(second.locks.wait("a", never));
  await clock.advance(3_000);
  expect(next.lock).toBeDefined();
  second.tab.freeze();
  const last = outcome(third.locks.wait("a", never));
  await clock.advance(3_000);
  expect(last.lock).toBeDefined();
  second.tab.thaw();
  await settle();
  expect([next.isStolen, last.isStolen]).toEqual([true, false]);
});

it("a lock that is taken by force goes to a tab that waits for it", async () => {
  const { clock, open } = browser();
  const [first, second] = [open(), open()];
  const held = outcome(first.locks.wait("a", never));
  await clock.advance(300);
  const next = outcome(second.locks.wait("a", never));
  await clock.advance(300);
  await second.locks.break("a");
  await clock.advance(300);
  expect([held.isStolen, next.lock !== undefined]).toEqual([true, true]);
});

it("an aborted wait rejects, holds nothing and leaves neither a timer nor a channel", async () => {
  const { clock, world, open } = browser();
  const [first, second] = [open(), open()];
  const held = outcome(first.locks.wait("a", never));
  await clock.advance(300);
  const leaving = new AbortController();
  const wait = outcome(second.locks.wait("a", leaving.signal));
  await clock.advance(5_000);
  leaving.abort(new Error("left"));
  held.lock?.release();
  await clock.advance(500);
  expect([wait.lock, String(wait.error)]).toEqual([undefined, "Error: left"]);
  expect(clock.timers).toBe(0);
  expect(world.ends.size).toBe(0);
});
