import { rm } from "node:fs/promises";
import type { LogPolicy } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { afterAll, expect, test } from "vitest";
import { SimulatedFile, scratchFolder } from "./testing/index.ts";

const folder = await scratchFolder();
afterAll(() => rm(folder, { recursive: true }));

const policy: LogPolicy = { maxEntries: 10, maxAgeMs: 20_000, dedupeMs: 1_000 };

test("[P-DATA-2] a log whose last use was not written when the process was killed ends no earlier for that", async () => {
  const clock = new ManualClock();
  const file = new SimulatedFile({
    ...{ folder, clock, random: new SeededRandom(1) },
    after: (ms, callback) => void clock.after(ms, callback),
    commitMs: () => 0,
  });
  const reading = file.open().log.read("c", 0, 1, policy);
  await clock.advance(1);
  const { head } = await reading;
  await clock.advance(4_000);
  const { log } = file.open();
  // This use is too soon after the written one to be written itself.
  await log.read("c", 0, 1, policy);
  const { log: later } = file.open();
  await clock.advance(18_000);
  expect((await later.peek("c", policy))?.position).toEqual(head);
  await clock.advance(100_000);
  expect(await file.open().log.peek("c", policy)).toBeUndefined();
  file.remove();
});
