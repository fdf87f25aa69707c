import { FaultyEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

const operation = { kind: "index", title: "Index", operation_id: "9", user_id: "ada" };

async function create(t: TestCore) {
  return t.core.operations.create(t.service, operation);
}

async function summaries(t: TestCore) {
  const { entries } = await t.core.channels.history(t.service, "user:ada");
  return entries.map(({ data }) => (data as { status: string }).status);
}

async function deadLetters(t: TestCore) {
  return (await t.core.deadLetters.list(t.service, {})).letters;
}

function faulty() {
  const engine = new FaultyEngine();
  const t = testCore({ engine: engine.factory });
  return { engine, t };
}

describe("[P-DLQ-5] publications of the gateway itself", () => {
  test("an entry that the gateway itself publishes is retried after the store refused it, and is stored once", async () => {
    const { engine, t } = faulty();
    await using _ = t;
    engine.refuses = ({ event }) => event === "operation";
    await create(t);
    expect(await summaries(t)).toEqual([]);
    engine.refuses = () => false;
    await t.clock.advance(1_000);
    expect(await summaries(t)).toEqual(["waiting"]);
    engine.losesAnswer = ({ event }) => event === "operation";
    const { lease } = await t.core.operations.create(t.service, {
      ...operation,
      operation_id: "8",
    });
    expect(lease.token).not.toBe("");
    engine.losesAnswer = () => false;
    await t.clock.advance(10_000);
    expect(await summaries(t)).toEqual(["waiting", "waiting"]);
    expect(await deadLetters(t)).toEqual([]);
  });

  test("an entry that the gateway itself cannot publish becomes a dead letter, and a replay publishes it", async () => {
    const { engine, t } = faulty();
    await using _ = t;
    engine.refuses = ({ event }) => event === "operation";
    await create(t);
    await t.clock.advance(10_000);
    const [deadLetter] = await deadLetters(t);
    expect(deadLetter).toMatchObject({
      channel: "user:ada",
      reason: "publish_failed: store_unavailable",
      attempts: 5,
      entry: { event: "operation", data: { operation_id: "9", status: "waiting" } },
    });
    const id = deadLetter?.id ?? "";
    await expect(t.core.deadLetters.replay(t.service, id)).rejects.toMatchObject({
      code: "store_unavailable",
    });
    expect(await deadLetters(t)).toHaveLength(1);
    engine.refuses = () => false;
    const replayed = await t.core.deadLetters.replay(t.service, id);
    expect(replayed).toMatchObject({ id, to: "channel", position: expect.any(String) });
    expect(await summaries(t)).toEqual(["waiting"]);
    expect(await deadLetters(t)).toEqual([]);
  });

  test("a newer operation summary replaces an older one that is not stored yet", async () => {
    const { engine, t } = faulty();
    await using _ = t;
    engine.refuses = ({ event }) => event === "operation";
    const { lease } = await create(t);
    engine.refuses = () => false;
    const events = [{ event: "started", data: {} }];
    await t.core.operations.report(t.service, "9", { lease: lease.token, events });
    await t.clock.advance(20_000);
    expect(await summaries(t)).toEqual(["running"]);
    expect(await deadLetters(t)).toEqual([]);
  });

  test("storing a newer summary removes the dead letter of the older one", async () => {
    const { engine, t } = faulty();
    await using _ = t;
    engine.refuses = ({ event }) => event === "operation";
    const { lease } = await create(t);
    await t.clock.advance(10_000);
    expect(await deadLetters(t)).toHaveLength(1);
    engine.refuses = () => false;
    const events = [{ event: "started", data: {} }];
    await t.core.operations.report(t.service, "9", { lease: lease.token, events });
    expect(await deadLetters(t)).toEqual([]);
  });

  test("a stalled event that cannot be stored is retried until it is stored; meanwhile a dead letter records the failure", async () => {
    const { engine, t } = faulty();
    await using _ = t;
    await create(t);
    engine.refuses = ({ event }) => event === "stalled";
    await t.clock.advance(80_000);
    const [deadLetter] = await deadLetters(t);
    expect(deadLetter).toMatchObject({
      channel: "operation:9",
      reason: "publish_failed: store_unavailable",
      entry: {},
    });
    await expect(t.core.deadLetters.replay(t.service, deadLetter?.id ?? "")).rejects.toMatchObject({
      code: "not_possible_now",
    });
    engine.refuses = () => false;
    await t.clock.advance(40_000);
    const { operation: state } = await t.core.operations.get(t.service, "9");
    expect(state.status).toBe("stalled");
    expect(await deadLetters(t)).toEqual([]);
  });

  test("a node that shuts down moves its own entries that are not stored yet to the dead-letter queue", async () => {
    const { engine, t } = faulty();
    engine.refuses = ({ event }) => event === "operation";
    await create(t);
    const kept = engine.deadLetters;
    await t.clock.until(t.core.shutdown(0));
    expect(await kept.list({ limit: 10 })).toMatchObject([
      { channel: "user:ada", reason: "publish_failed: store_unavailable", attempts: 1 },
    ]);
  });
});
