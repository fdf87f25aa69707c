import { FaultyEngine, ManualClock, SeededRandom } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { SharedLog } from "./shared-log.ts";

const policy = { maxEntries: 100, maxAgeMs: 60_000, dedupeMs: 60_000 };

function logOf(faulty: FaultyEngine): SharedLog {
  return new SharedLog(
    faulty.factory({ clock: new ManualClock(), random: new SeededRandom() }).log,
  );
}

function entry(json: string) {
  return { event: "n", json, publisher: "backend" };
}

/** Everything that can go on without the store has gone on. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test("[G5] a read is shared by those who asked before it was sent, and by nobody who came later", async () => {
  const faulty = new FaultyEngine();
  const log = logOf(faulty);
  await log.append("log:a", entry("1"), policy);
  faulty.hold();
  const early = [log.read("log:a", 0, 10, policy), log.read("log:a", 0, 10, policy)];
  await turn();
  // The answer of the first read is on its way, and has only one entry; who asks now knows of two.
  await log.append("log:a", entry("2"), policy);
  const late = [1, 2, 3].map(() => log.read("log:a", 0, 10, policy));
  await turn();
  expect(faulty.reads).toBe(1);
  faulty.release();
  for (const { entries } of await Promise.all(early)) {
    expect(entries.map(({ json }) => json)).toEqual(["1"]);
  }
  for (const { entries } of await Promise.all(late)) {
    expect(entries.map(({ json }) => json)).toEqual(["1", "2"]);
  }
  expect(faulty.reads).toBe(2);
});

test("reads of other places, lengths and channels are reads of their own", async () => {
  const faulty = new FaultyEngine();
  const log = logOf(faulty);
  for (const json of ["1", "2"]) await log.append("log:a", entry(json), policy);
  const slices = await Promise.all([
    log.read("log:a", 0, 10, policy),
    log.read("log:a", 1, 10, policy),
    log.read("log:a", 0, 1, policy),
    log.read("log:b", 0, 10, policy),
  ]);
  expect(slices.map(({ entries }) => entries.length)).toEqual([2, 1, 1, 0]);
  const looks = await Promise.all([log.snapshot("log:a", policy), log.snapshot("log:b", policy)]);
  expect(looks.map(({ position }) => position.offset)).toEqual([2, 0]);
});

test("[G4] a read that fails is told to those who share it; who asks afterwards has a read of their own", async () => {
  const faulty = new FaultyEngine();
  const log = logOf(faulty);
  faulty.isDown = true;
  const failing = [log.snapshot("log:a", policy), log.snapshot("log:a", policy)];
  for (const outcome of await Promise.allSettled(failing)) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "store_unavailable" } });
  }
  faulty.isDown = false;
  expect((await log.snapshot("log:a", policy)).position.offset).toBe(0);
});
