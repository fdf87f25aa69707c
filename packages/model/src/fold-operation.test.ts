import { expect, test } from "vitest";
import { foldOperation } from "./fold-operation.ts";

test("[G3] an event that the state holds already changes nothing", () => {
  const entry = (offset: number, event: string, data: object) => ({ event, data, ts: 1, offset });
  const created = foldOperation(undefined, entry(1, "created", { operation_id: "9", kind: "k" }));
  const line = entry(2, "log", { message: "once" });
  const once = foldOperation(created, line);
  expect(once?.log_total).toBe(1);
  expect(foldOperation(once, line)).toBe(once);
  expect(foldOperation(once, entry(1, "log", { message: "older" }))).toBe(once);
});
