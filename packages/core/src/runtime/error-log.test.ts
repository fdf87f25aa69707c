import { StoreAvailability } from "@milepost/engine";
import { ManualClock, TestStoreWatch } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { expect, test } from "vitest";
import { ErrorLog } from "./error-log.ts";

test("the error log logs failed background work, but not store_unavailable while the store is known to be unavailable", () => {
  const told: unknown[] = [];
  const tell = ({ err }: Record<string, unknown>) => void told.push(err);
  const watch = new TestStoreWatch();
  const store = new StoreAvailability(watch, new ManualClock());
  const errorLog = new ErrorLog({ info: tell, warn: tell, error: tell }, store);
  const away = new MilepostError("store_unavailable", "there is no connection");
  const other = new MilepostError("rate_limited", "too often");
  const ours = new TypeError("a fault of the program");
  errorLog.report(away);
  watch.set(true, false);
  for (const error of [away, other, ours]) errorLog.report(error);
  watch.set(true);
  errorLog.report(away);
  expect(told).toEqual([away, other, ours, away]);
});
