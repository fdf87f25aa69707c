import { memoryEngine } from "@milepost/engine";
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

function hubOf(clock: ManualClock) {
  const { log, bus } = memoryEngine()({ clock, random: new SeededRandom() });
  const onError = (error: unknown) => {
    throw error;
  };
  const wheel = new TimerWheel(clock, onError);
  const ticker = new Ticker(clock, onError);
  const pause = (ms: number) => wheel.pause(ms);
  const hub = new Hub(bus, wheel, {
    log,
    ticker,
    isCut: () => false,
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
