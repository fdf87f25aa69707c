import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ManualClock } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { type Flushable, Ticker } from "./ticker.ts";

function ticker(clock: ManualClock): Ticker {
  return new Ticker(clock, (error) => {
    throw error;
  });
}

test("large fan-outs are split into slices, in order, and items scheduled meanwhile are flushed after them", async () => {
  const clock = new ManualClock();
  const ticks = ticker(clock);
  const flushed: number[] = [];
  const turns: number[] = [];
  const items = Array.from(
    { length: 2_500 },
    (_, n): Flushable => ({
      scheduled: false,
      flush() {
        flushed.push(n);
      },
    }),
  );
  for (const item of items) ticks.schedule(item);
  const observe = () => {
    turns.push(flushed.length);
    const [first] = items;
    // The first item was flushed already, so it is scheduled again, behind all that wait.
    if (turns.length === 2 && first !== undefined) ticks.schedule(first);
    if (turns.length < 6) clock.soon(observe);
  };
  clock.soon(observe);
  await clock.settle();
  expect(turns.slice(0, 3)).toEqual([1_024, 2_048, 2_500]);
  expect(flushed).toEqual([...Array.from({ length: 2_500 }, (_, n) => n), 0]);
});

test("the ticker keeps no reference to an item it has flushed, even under constant load", async () => {
  const clock = new ManualClock();
  const ticks = ticker(clock);
  let turns = 0;
  let flushedAt: number | undefined;
  let gone = false;
  // The item is scheduled in a function of its own, so that nothing here keeps a reference to it.
  const scheduleOnce = (): WeakRef<Flushable> => {
    const item = {
      scheduled: false,
      flush() {
        flushedAt = turns;
      },
    };
    ticks.schedule(item);
    return new WeakRef(item);
  };
  const busy = Array.from({ length: 3_000 }, (): Flushable => ({ scheduled: false, flush() {} }));
  const load = () => {
    turns++;
    // Each turn schedules more items than one slice can flush, so some items always wait.
    for (const item of busy) ticks.schedule(item);
    gone ||= turns === 20 && isCollected(once);
    if (turns < 20) clock.soon(load);
  };
  const once = scheduleOnce();
  load();
  await clock.settle();
  expect(flushedAt).toBeLessThan(5);
  expect(gone).toBe(true);
});

function isCollected(ref: WeakRef<Flushable>): boolean {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return ref.deref() === undefined;
}

test("an item whose flush throws does not keep the others of its turn from being flushed", async () => {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const ticks = new Ticker(clock, (error) => errors.push(error));
  const flushed: string[] = [];
  const item = (name: string, error?: Error): Flushable => ({
    scheduled: false,
    flush() {
      flushed.push(name);
      if (error !== undefined) throw error;
    },
  });
  const fault = new Error("broken");
  ticks.scheduleChannel(item("channel", fault));
  for (const one of [item("a", fault), item("b")]) ticks.schedule(one);
  await clock.settle();
  expect(flushed).toEqual(["channel", "a", "b"]);
  expect(errors).toEqual([fault, fault]);
});
