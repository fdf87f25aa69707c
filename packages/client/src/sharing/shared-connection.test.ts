import { expect, it } from "vitest";
import { Backoff } from "../connection/backoff.ts";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock, settle } from "../testing/manual-clock.ts";
import { TabWorld } from "../testing/tab-world.ts";
import type { Transport } from "../transport/transport.ts";
import { sharedTransport } from "./shared-transport.ts";
import type { Tabs } from "./tabs.ts";

const transport = (name: Transport["name"], opened: string[]): Transport => ({
  name,
  open: () => {
    opened.push(name);
    return { closed: Promise.resolve(), send() {}, release() {} };
  },
});

/** Opens a connection without sharing in a browser whose locks answer as `tryTake` does. */
async function openAlone(tryTake: Tabs["locks"]["tryTake"]) {
  const clock = new ManualClock();
  const opened: string[] = [];
  const frames: unknown[] = [];
  const tab = new TabWorld().open();
  const tabs: Tabs = {
    locks: { ...tab.locks, tryTake },
    channel: (...end) => tab.channel(...end),
    onFreeze: () => () => {},
    digest: async (secret) => secret,
  };
  const schedule = new Schedule(clock);
  let cancels = 0;
  const counted = {
    after(delayMs: number, run: () => void) {
      const cancel = schedule.after(delayMs, run);
      return () => {
        cancels++;
        cancel();
      };
    },
  } as Schedule;
  const connection = sharedTransport({
    inner: transport("sse", opened),
    brief: transport("poll", opened),
    tabs,
    share: false,
    fetch: () => Promise.reject(new Error("not used")),
    clock,
    backoff: new Backoff({}, Math.random),
    random: Math.random,
  }).open(
    {
      url: new URL("ws://gateway.test/ws"),
      token: undefined,
      connectionId: undefined,
      schedule: counted,
    },
    { onFrame: (frame) => frames.push(frame), onClose: (code) => frames.push(code) },
  );
  await settle();
  return { clock, connection, opened, frames, cancels: () => cancels };
}

it("a tab that looks for a free slot for a day holds no more than its one timer", async () => {
  const { clock, connection, opened, cancels } = await openAlone(async () => undefined);
  expect(opened).toEqual(["poll"]);
  for (let look = 0; look < 8_640; look++) await clock.advance(10_000);
  connection.release();
  expect([cancels(), clock.timers]).toEqual([1, 0]);
});

it("a tab whose browser refuses a look for a free slot looks again", async () => {
  let looks = 0;
  const lock = { stolen: new Promise<void>(() => {}), release() {} };
  const { clock, frames } = await openAlone(async () => {
    looks++;
    if (looks === 4) throw new DOMException("the page is hidden", "InvalidStateError");
    return looks > 6 ? lock : undefined;
  });
  await clock.advance(10_000);
  await settle();
  expect(frames).toEqual([]);
  await clock.advance(10_000);
  await settle();
  expect([looks, frames]).toEqual([7, [4000]]);
});
