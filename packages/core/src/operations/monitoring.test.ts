import type { Engine } from "@milepost/engine";
import { FaultyEngine, ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { ServicePrincipal } from "../index.ts";
import { type TestCore, testCore } from "../testing/index.ts";

const policy = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 600_000 };

async function create(t: TestCore) {
  return t.core.operations.create(t.service, { kind: "k", operation_id: "9" });
}

describe("a deadline that cannot be published", () => {
  test("[G9] a deadline whose event could not be published five times has a dead letter until the event is published", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    await create(t);
    let refused = 0;
    faulty.refuses = ({ event }) => event === "stalled" && ++refused > 0;
    const kept = async () => (await t.core.deadLetters.list(t.service, {})).letters;
    await t.clock.advance(30_000 + 14_000);
    expect(await kept()).toEqual([]);
    await t.clock.advance(2_000);
    expect(refused).toBe(5);
    expect(await kept()).toMatchObject([
      { channel: "operation:9", reason: "publish_failed: store_unavailable", attempts: 5 },
    ]);
    faulty.refuses = () => false;
    await t.clock.advance(17_000);
    expect((await t.core.operations.get(t.service, "9")).operation.status).toBe("stalled");
    expect(await kept()).toEqual([]);
  });

  test("[G9] the event of a deadline that could not be published is retried every thirty seconds at the latest", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    await create(t);
    let refused = 0;
    faulty.refuses = ({ event }) => event === "stalled" && ++refused > 0;
    await t.clock.advance(120_000);
    const before = refused;
    await t.clock.advance(150_000);
    expect(refused - before).toBe(5);
    faulty.refuses = () => false;
  });

  test("[G9] a success ends the row of failures, so that the next failure is tried again after a second", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    await create(t);
    faulty.refuses = ({ event }) => event === "stalled";
    await t.clock.advance(60_000);
    faulty.refuses = () => false;
    await t.clock.advance(60_000);
    let refused = 0;
    faulty.refuses = ({ event }) => event === "lost" && ++refused > 0;
    await t.clock.advance(180_000 - 100);
    expect(refused).toBe(0);
    await t.clock.advance(200);
    expect(refused).toBe(1);
    await t.clock.advance(1_050);
    expect(refused).toBe(2);
    faulty.refuses = () => false;
  });
});

test("[P-LOG-5] the log says whose producer is silent and for how long, and that the operation is lost", async () => {
  await using t = testCore();
  await t.core.operations.create(t.service, {
    kind: "report",
    operation_id: "12",
    user_id: "21",
    producer_id: "worker-4",
    lease_ms: 1_000,
  });
  await t.clock.advance(1_000);
  const about = { operation: "12", kind: "report", producer: "worker-4", user: "21" };
  expect(t.faults.map(({ fields }) => fields)).toMatchObject([
    { event: "operation.stalled", silent_ms: 1_000, ...about },
  ]);
  await t.clock.advance(9_000);
  expect(t.faults.map(({ fields }) => fields)).toMatchObject([
    { event: "operation.stalled" },
    { event: "operation.lost", silent_ms: 10_000, ...about },
  ]);
});

test("[P-OP-8] an operation belongs to the service that created it, also after another service took it over on another node", async () => {
  const clock = new ManualClock();
  const engine = new SharedEngine(clock, new SeededRandom());
  engine.isShared = true;
  await using a = testCore({ clock, engine: engine.factory, node: "a" });
  await using b = testCore({ clock, engine: engine.factory, node: "b" });
  const other: ServicePrincipal = { kind: "service", name: "other" };
  await create(a);
  await b.core.operations.takeOver(other, "9");
  const again = b.core.operations.create(other, { kind: "k", operation_id: "9" });
  await expect(again).rejects.toMatchObject({ code: "already_exists" });
  expect(await create(a)).toMatchObject({ duplicate: true });
});

test("[P-OP-8] [G9] an operation that is created again with a shorter lease is lost after ten times the shorter one", async () => {
  await using t = testCore();
  await create(t);
  await t.clock.advance(31_000);
  const again = { kind: "k", operation_id: "9", lease_ms: 1_000 };
  expect(await t.core.operations.create(t.service, again)).toMatchObject({ duplicate: true });
  const status = async () => (await t.core.operations.get(t.service, "9")).operation.status;
  await t.clock.advance(9_000);
  expect(await status()).toBe("stalled");
  await t.clock.advance(2_000);
  expect(await status()).toBe("lost");
});

test("[G9] an operation whose log the store has lost leaves the index with the first sweep after its deadline", async () => {
  const clock = new ManualClock();
  const shared = new SharedEngine(clock, new SeededRandom());
  shared.isShared = true;
  let engine: Engine | undefined;
  await using t = testCore({ clock, engine: (context) => (engine = shared.factory(context)) });
  await create(t);
  await engine?.log.purge("operation:9", policy);
  expect(await engine?.operations.get("9")).toBeDefined();
  await t.clock.advance(45_000);
  expect(await engine?.operations.get("9")).toBeUndefined();
});

test("a wait for commands lasts a minute at most", async () => {
  await using t = testCore();
  await create(t);
  let found: unknown;
  void t.core.operations
    .pendingCommands(t.service, { operation: "9" }, 3_600_000)
    .then((commands) => {
      found = commands;
    });
  await t.clock.advance(59_900);
  expect(found).toBeUndefined();
  await t.clock.advance(200);
  expect(found).toEqual([]);
});
