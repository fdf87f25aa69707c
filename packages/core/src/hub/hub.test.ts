import { type Bus, memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { RuleBook } from "../rules/rule-book.ts";
import { noInstruments } from "../runtime/instruments.ts";
import { TimerWheel } from "../runtime/timer-wheel.ts";
import { Ticker } from "../send-queue/ticker.ts";
import { Hub, positionCheckMs } from "./hub.ts";
import type { Subscriber } from "./subscriber.ts";

const retention = { maxEntries: 100, maxAgeMs: 600_000 };
const rules = new RuleBook([
  { pattern: "log:*", subscribe: "authenticated", publish: "granted", retention },
]);

const reader: Subscriber = {
  shared: undefined,
  onStart: () => {},
  onFailed: () => {},
  onPublications: () => {},
  onGap: () => {},
  onReset: () => {},
  onEnd: () => {},
  drained: () => undefined,
};

function hubOf(clock: ManualClock, altered: Partial<Bus> = {}) {
  const { log, bus: wholeBus } = memoryEngine()({ clock, random: new SeededRandom() });
  const bus: Bus = {
    listen: (...args) => wholeBus.listen(...args),
    subscribe: (...args) => wholeBus.subscribe(...args),
    unsubscribe: (...args) => wholeBus.unsubscribe(...args),
    ...altered,
  };
  const onError = (error: unknown) => {
    throw error;
  };
  const wheel = new TimerWheel(clock, onError);
  const ticker = new Ticker(clock, onError);
  const pause = (ms: number) => wheel.pause(ms);
  const hub = new Hub(bus, wheel, {
    starts: log,
    log,
    ticker,
    isCut: () => false,
    settled: async () => {},
    maxReplayEntries: 1_000,
    pause,
    instruments: noInstruments,
    onError,
  });
  return { hub, log };
}

test("recent entries of a channel are freed when its last reader has left, when its log drops them, or when the hub closes", async () => {
  const clock = new ManualClock();
  const { hub, log } = hubOf(clock);
  const publish = async (name: string, count: number) => {
    const { policy } = rules.of(name);
    const entry = { event: "n", json: "1", publisher: "backend" };
    for (let n = 0; n < count; n++) await log.append(name, entry, policy);
    await clock.settle();
  };
  const hubSubscribers = ["log:a", "log:b"].map((name) => hub.join(rules.of(name), reader));
  await clock.settle();
  await publish("log:a", 40);
  await publish("log:b", 20);
  const both = hub.recentLength;
  hubSubscribers[0]?.leave();
  expect(hub.recentLength).toBe(both);
  await clock.advance(positionCheckMs);
  expect(hub.recentLength).toBe(both / 3);
  await publish("log:b", 200);
  expect(hub.recentLength).toBe((both / 60) * 220);
  await clock.advance(positionCheckMs);
  expect(hub.recentLength).toBe((both / 60) * 100);
  await clock.advance(retention.maxAgeMs);
  await clock.advance(positionCheckMs);
  expect(hub.recentLength).toBe(0);
  await publish("log:b", 5);
  expect(hub.recentLength).toBeGreaterThan(0);
  hub.close();
  expect(hub.recentLength).toBe(0);
});

test("a channel whose readers come back subscribes to the bus only after it has unsubscribed", async () => {
  const clock = new ManualClock();
  const calls: string[] = [];
  let unsubscribed = () => {};
  const { hub } = hubOf(clock, {
    subscribe: async () => void calls.push("subscribe"),
    unsubscribe: () => {
      calls.push("unsubscribe");
      return new Promise((resolve) => {
        unsubscribed = resolve;
      });
    },
  });
  const first = hub.join(rules.of("log:a"), reader);
  await clock.settle();
  first.leave();
  await clock.advance(positionCheckMs);
  hub.join(rules.of("log:a"), reader);
  await clock.settle();
  expect(calls).toEqual(["subscribe", "unsubscribe"]);
  unsubscribed();
  await clock.settle();
  expect(calls).toEqual(["subscribe", "unsubscribe", "subscribe"]);
  hub.close();
});

test("a subscriber can join a channel after the bus refused it once", async () => {
  const clock = new ManualClock();
  let isDown = true;
  const { hub } = hubOf(clock, {
    subscribe: async () => {
      if (isDown) throw new Error("the bus is down");
    },
  });
  const outcomes: string[] = [];
  const join = async () => {
    const told = {
      ...reader,
      onStart: () => void outcomes.push("started"),
      onFailed: () => void outcomes.push("failed"),
    };
    hub.join(rules.of("log:a"), told);
    await clock.settle();
  };
  await join();
  isDown = false;
  await join();
  expect(outcomes).toEqual(["failed", "started"]);
  hub.close();
});

test("[P-SUB-9] every channel is compared with its log each 25 seconds", () => {
  expect(positionCheckMs).toBe(25_000);
});
