import { expect, test } from "vitest";
import { readFilter, readLeaseLength, readReport } from "./operation-inputs.ts";
import { producerChannel } from "./operation-notifier.ts";

test("a lease lasts from 100 ms to a day", () => {
  const isTaken = (leaseMs: unknown) => readLeaseLength(leaseMs).ok;
  expect([100, 86_400_000, undefined].map(isTaken)).toEqual([true, true, true]);
  expect([99, 0, -1, 86_400_001, 100.5, "100"].map(isTaken)).toEqual(Array(6).fill(false));
});

test("a report has at most 1,000 events", () => {
  const events = (count: number) => Array.from({ length: count }, () => ({ event: "log" }));
  expect(readReport({ events: events(1_000) }).ok).toBe(true);
  expect(readReport({ events: events(1_001) })).toMatchObject({
    ok: false,
    failure: { code: "bad_message" },
  });
});

test("a list of operations has 100 of them unless the caller asks for up to 1,000", () => {
  expect(readFilter({})).toMatchObject({ ok: true, value: { limit: 100 } });
  expect(readFilter({ limit: 1_000 })).toMatchObject({ ok: true, value: { limit: 1_000 } });
  expect(readFilter({ limit: 1_001 }).ok).toBe(false);
});

test("a producer's channel has a valid name, whatever the producer's id is", () => {
  expect(producerChannel("worker 1/π")).toBe("gateway:producer:worker_1__");
  expect(producerChannel("x".repeat(1_000)).length).toBeLessThanOrEqual(255);
});
