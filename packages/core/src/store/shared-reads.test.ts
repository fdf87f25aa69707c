import { FaultyEngine, ManualClock, SeededRandom } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { SharedReads } from "./shared-reads.ts";

const policy = { maxEntries: 100, maxAgeMs: 60_000, dedupeMs: 60_000 };

function logsOf(faulty: FaultyEngine) {
  const { log } = faulty.factory({ clock: new ManualClock(), random: new SeededRandom() });
  return { log, reads: new SharedReads(log) };
}

function entry(json: string) {
  return { event: "n", json, publisher: "backend" };
}

/** Resolves once everything that can proceed without the store has done so. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test("[G5] a read is shared by the callers that asked before it was sent, and by none that came later", async () => {
  const faulty = new FaultyEngine();
  const { log, reads } = logsOf(faulty);
  await log.append("log:a", entry("1"), policy);
  faulty.hold();
  const early = [reads.read("log:a", 0, 10, policy), reads.read("log:a", 0, 10, policy)];
  await turn();
  // The answer of the first read is pending and has only one entry; callers that ask now know of two.
  await log.append("log:a", entry("2"), policy);
  const late = [1, 2, 3].map(() => reads.read("log:a", 0, 10, policy));
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

test("reads of other offsets, limits and channels are not shared", async () => {
  const faulty = new FaultyEngine();
  const { log, reads } = logsOf(faulty);
  for (const json of ["1", "2"]) await log.append("log:a", entry(json), policy);
  const slices = await Promise.all([
    reads.read("log:a", 0, 10, policy),
    reads.read("log:a", 1, 10, policy),
    reads.read("log:a", 0, 1, policy),
    reads.read("log:b", 0, 10, policy),
  ]);
  expect(slices.map(({ entries }) => entries.length)).toEqual([2, 1, 1, 0]);
  const looks = await Promise.all([
    reads.snapshot("log:a", policy),
    reads.snapshot("log:b", policy),
  ]);
  expect(looks.map(({ position }) => position.offset)).toEqual([2, 0]);
});

test("[G4] a read that fails rejects for all that share it, and a later caller gets a read of its own", async () => {
  const faulty = new FaultyEngine();
  const { reads } = logsOf(faulty);
  faulty.isDown = true;
  const failing = [reads.snapshot("log:a", policy), reads.snapshot("log:a", policy)];
  for (const outcome of await Promise.allSettled(failing)) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "store_unavailable" } });
  }
  faulty.isDown = false;
  expect((await reads.snapshot("log:a", policy)).position.offset).toBe(0);
});
