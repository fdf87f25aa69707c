import { expect, test } from "vitest";
import { RecordingMeter, type TestCore, testCore } from "../testing/index.ts";
import { randomOf, runQuarters } from "../testing/quarter-runs.ts";

/** Runs a kind often enough that the gateway can tell how long it takes: about 60 s. */
async function teach(t: TestCore, kind = "index", times = 20): Promise<void> {
  const { quarters, normal } = randomOf(7);
  for (let i = 0; i < times; i++) {
    await runQuarters(t, kind, quarters(60_000 * Math.exp(0.1 * normal()), 0.1));
  }
}

/** Begins an operation, and returns what reports on it and reads it. */
async function begin(t: TestCore, create: object = {}) {
  const { operations } = t.core;
  const { operation, lease } = await operations.create(t.service, {
    kind: "index",
    lease_ms: 24 * 3_600_000,
    ...create,
  });
  return {
    created: operation,
    report: (event: string, data: object = {}) =>
      operations.report(t.service, operation.id, { lease: lease.token, events: [{ event, data }] }),
    look: async () => (await operations.get(t.service, operation.id)).operation,
  };
}

test("[P-EST-2] a kind with fewer than five finished runs says that it is new instead of guessing", async () => {
  await using t = testCore();
  for (let i = 0; i < 5; i++) {
    const { asked, after } = await runQuarters(t, "index", [1_000, 1_000, 1_000, 1_000]);
    expect(asked.map(({ estimate }) => estimate?.none)).toEqual(Array(4).fill("new_kind"));
    expect(asked.some(({ estimate }) => estimate?.remaining !== undefined)).toBe(false);
    expect(asked[0]?.estimate?.basis).toBe(i);
    expect(after.estimate).toBeUndefined();
  }
  const { asked } = await runQuarters(t, "index", [1_000, 1_000, 1_000, 1_000]);
  expect(asked[0]?.estimate).toMatchObject({ basis: 5 });
  expect(asked[0]?.estimate?.none).toBeUndefined();
  expect(Math.abs((asked[0]?.estimate?.remaining?.p50_ms ?? 0) - 4_000)).toBeLessThan(200);
});

test("the outcomes of estimates are counted by kind, and add up to those of all kinds", async () => {
  const meter = new RecordingMeter();
  await using t = testCore({ meter });
  await teach(t, "index");
  await teach(t, "render", 8);
  const all = "milepost_estimate_outcomes_total";
  const byKind = "milepost_estimate_outcomes_by_kind_total";
  for (const outcome of ["below_p50", "inside", "above_p90"]) {
    const parts = ["index", "render"].map((kind) => meter.count(byKind, { kind, outcome }));
    expect(parts.reduce((sum, count) => sum + count, 0)).toBe(meter.count(all, { outcome }));
  }
  expect(meter.count(byKind, { kind: "index" })).toBeGreaterThan(10);
  expect(meter.count(byKind, { kind: "render" })).toBeGreaterThan(0);
});

test("[P-EST-1] an estimate is published at the creation, the start and five percentages, however often the producer reports", async () => {
  await using t = testCore();
  await teach(t);
  const { created, report } = await begin(t);
  expect(created.estimate?.remaining?.p50_ms).toBeGreaterThan(50_000);
  await report("started");
  for (let percent = 0; percent < 100; percent += 0.5) {
    await t.clock.advance(100);
    await report("progress", { percent });
  }
  const { entries } = await t.core.channels.history(t.service, `operation:${created.id}`, {
    since: "start",
    limit: 1_000,
  });
  const estimates = entries.filter(({ event }) => event === "estimate");
  expect(estimates).toHaveLength(7);
});

test("[P-EST-1] a producer cannot report an estimate", async () => {
  await using t = testCore();
  const { report } = await begin(t);
  expect(await report("estimate", { at: 1, basis: 1 })).toMatchObject([
    { error: { code: "bad_message" } },
  ]);
});

test("[P-EST-3] pauses and stalls are no part of a learned time, and after them the latest estimate continues", async () => {
  await using t = testCore();
  for (let i = 0; i < 20; i++) {
    const { report } = await begin(t, { lease_ms: 60_000 });
    await report("started");
    await t.clock.advance(10_000 + 10 * i);
    await report("paused");
    await t.clock.advance(50_000);
    await report("resumed");
    // The silence of a stall is no work either: the producer reports again after five minutes.
    await t.clock.advance(300_000);
    await report("progress", { percent: 50 });
    await t.clock.advance(10_000);
    await report("done");
  }
  const { report, look } = await begin(t);
  await report("started");
  const { estimate: first } = await look();
  expect(Math.abs((first?.remaining?.p50_ms ?? 0) - 20_000)).toBeLessThan(1_000);
  await t.clock.advance(5_000);
  await report("paused");
  await t.clock.advance(100_000);
  await report("resumed");
  const { estimate, updated_at } = await look();
  expect(estimate?.at).toBe(updated_at);
  expect(estimate?.remaining?.p50_ms).toBe((first?.remaining?.p50_ms ?? 0) - 5_000);
});

test("[P-EST-3] only the attempt that is done is learned, and a new attempt is estimated anew", async () => {
  await using t = testCore();
  await teach(t);
  const { report, look } = await begin(t);
  await report("started");
  await t.clock.advance(3_000_000);
  await report("failed", { error: { code: "x", message: "y", retryable: true } });
  expect((await look()).estimate).toBeUndefined();
  await report("started", { attempt: 2 });
  const { estimate } = await look();
  expect(estimate?.remaining?.p90_ms).toBeLessThan(120_000);
  expect(estimate?.basis).toBe(20);
  expect(estimate?.marks).toHaveLength(1);
});

test("[P-EST-5] an operation that takes longer than its p90 is slower than usual, with the time left of runs that took even longer", async () => {
  await using t = testCore();
  const { fraction, quarters } = randomOf(3);
  for (let i = 0; i < 100; i++) {
    await runQuarters(t, "index", quarters(10_000 * (1 - fraction()) ** (-1 / 0.7), 0.1));
  }
  const { report, look } = await begin(t);
  await report("started");
  const { estimate } = await look();
  const { p50_ms = 0, p90_ms = 0 } = estimate?.remaining ?? {};
  await t.clock.advance(p90_ms - 1);
  expect((await look()).estimate?.slower_than_usual).toBeUndefined();
  await t.clock.advance(1_000);
  const { estimate: slower } = await look();
  expect(slower?.slower_than_usual).toBe(true);
  expect(slower?.remaining?.p50_ms).toBeGreaterThan(p50_ms);
  await t.clock.advance(50_000_000);
  const { estimate: slowest } = await look();
  expect(slowest?.slower_than_usual).toBe(true);
  expect(slowest?.remaining).toBeUndefined();
});

test("[P-EST-7] an estimate follows the size of the work", async () => {
  await using t = testCore();
  const { normal, quarters } = randomOf(11);
  const took = (size: number) => quarters(size * 100 * Math.exp(0.1 * normal()), 0.1);
  for (let i = 0; i < 60; i++) {
    const size = Math.round(100 * Math.exp(normal()));
    await runQuarters(t, "index", took(size), size);
  }
  const told = async (size: number) =>
    (await runQuarters(t, "index", took(size), size)).asked[0]?.estimate?.remaining?.p50_ms ?? 0;
  expect(Math.abs((await told(50)) / 5_000 - 1)).toBeLessThan(0.3);
  expect(Math.abs((await told(300)) / 30_000 - 1)).toBeLessThan(0.3);
});

test("[P-EST-8] while an operation waits, its time left includes the wait and follows its changes", async () => {
  await using t = testCore();
  await teach(t);
  const { report, look } = await begin(t);
  await t.clock.advance(6_000);
  await report("waiting", { position: 3, total: 3, estimated_wait_ms: 600_000 });
  const { estimate } = await look();
  expect(estimate?.remaining?.p50_ms).toBeGreaterThan(650_000);
  await t.clock.advance(300_000);
  await report("waiting", { position: 2, total: 3, estimated_wait_ms: 300_000 });
  expect((await look()).estimate).toEqual(estimate);
  await report("waiting", { position: 1, total: 3, estimated_wait_ms: 60_000 });
  expect((await look()).estimate?.remaining?.p50_ms).toBeLessThan(150_000);
  await report("started");
  expect((await look()).estimate?.remaining?.p50_ms).toBeLessThan(90_000);
});
