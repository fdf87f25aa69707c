import { TestStoreWatch } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { expect, test } from "vitest";
import { Faults } from "./error-log.ts";

test("work in the background that fails for want of the store is told only while the store is thought to be there", () => {
  const told: unknown[] = [];
  const tell = ({ err }: Record<string, unknown>) => void told.push(err);
  const watch = new TestStoreWatch();
  const faults = new Faults({ info: tell, warn: tell, error: tell }, watch);
  const away = new MilepostError("store_unavailable", "there is no connection");
  const other = new MilepostError("rate_limited", "too often");
  const ours = new TypeError("a fault of the program");
  faults.note(away);
  watch.set(true, false);
  for (const error of [away, other, ours]) faults.note(error);
  watch.set(true);
  faults.note(away);
  expect(told).toEqual([away, other, ours, away]);
});
