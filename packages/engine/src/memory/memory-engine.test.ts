import { expect, test } from "vitest";
import { engineContract } from "../testing/contracts/engine-contract.ts";
import type { MakeEngine } from "../testing/contracts/engine-harness.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { SeededRandom } from "../testing/seeded-random.ts";
import { memoryEngine } from "./memory-engine.ts";

const make: MakeEngine = async () => {
  const clock = new ManualClock();
  const engine = memoryEngine()({ clock, random: new SeededRandom() });
  return {
    engine,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => engine.close(),
  };
};

engineContract("memory", make);

const policy = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 600_000 };

test("all logs of the memory engine share one timer, and no timer runs while there is no log", async () => {
  const clock = new ManualClock();
  const { log, close } = memoryEngine()({ clock, random: new SeededRandom() });
  expect(clock.pendingTimers).toBe(0);
  for (let i = 0; i < 100; i++) {
    await log.append(`c:${i}`, { event: "e", json: "1", key: "k", publisher: "p" }, policy);
  }
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(2 * 3_600_000);
  expect(clock.pendingTimers).toBe(0);
  await close();
});

test("a channel that was only read is forgotten after five minutes", async () => {
  const clock = new ManualClock();
  const { log, close } = memoryEngine()({ clock, random: new SeededRandom() });
  for (let i = 0; i < 100; i++) await log.read(`guess:${i}`, 0, 1, policy);
  await clock.advance(6 * 60_000);
  expect(clock.pendingTimers).toBe(0);
  await close();
});

test("appending to a full log costs no more than appending to an empty one", async () => {
  const clock = new ManualClock();
  const { log, close } = memoryEngine()({ clock, random: new SeededRandom() });
  const large = { ...policy, maxEntries: 20_000 };
  const rest = { event: "e", json: "1", publisher: "p" };
  for (let n = 0; n < 120_000; n++) await log.append("c:full", rest, large);
  const { entries, floor, head } = await log.read("c:full", 0, 100_000, large);
  expect(head.offset - floor.offset).toBe(20_000);
  expect(entries).toHaveLength(20_000);
  expect(entries[0]?.position.offset).toBe(floor.offset + 1);
  expect((await log.read("c:full", 110_000, 5, large)).entries[0]?.position.offset).toBe(110_001);
  await close();
});

test("the budget of a node's memory never takes entries of a compacted log", async () => {
  const clock = new ManualClock();
  const { log, close } = memoryEngine()({
    clock,
    random: new SeededRandom(),
    maxMemoryBytes: 200_000,
  });
  const compacted = { ...policy, compacted: true } as const;
  const json = JSON.stringify("x".repeat(10_000));
  const entry = { event: "update", json, publisher: "p" };
  // The compacted log is the heaviest, so that entries of another log would be dropped last.
  for (let n = 0; n < 12; n++) await log.append("document:1", entry, compacted);
  for (let n = 0; n < 50; n++) await log.append("c:1", entry, policy);
  expect((await log.read("document:1", 0, 100, compacted)).entries).toHaveLength(12);
  await close();
});
