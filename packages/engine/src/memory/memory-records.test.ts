import { expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { MemoryRecords } from "./memory-records.ts";

test("a full space refuses a new record, replaces one that it has, and has room again once one has ended", async () => {
  const clock = new ManualClock();
  const records = new MemoryRecords(clock, 3);
  for (const name of ["a", "b", "c"]) await records.put("s", name, name, 1_000);
  await expect(records.put("s", "d", "d", 1_000)).rejects.toMatchObject({ code: "rate_limited" });
  await records.put("s", "a", "again", 1_000);
  await records.put("other", "d", "d", 1_000);
  expect((await records.get("s", "a"))?.value).toBe("again");
  await clock.advance(1_000);
  await records.put("s", "d", "d", 1_000);
  expect((await records.get("s", "d"))?.value).toBe("d");
});
