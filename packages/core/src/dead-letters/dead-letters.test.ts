import { type Engine, type EngineContext, memoryEngine } from "@milepost/engine";
import { altered, ManualClock, SeededRandom } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";
import { deadLetterBounds } from "./dead-letter-bounds.ts";

const grants = { subscribe: ["job:*"], publish: [] };
const rules = [
  {
    pattern: "job:*",
    subscribe: "granted",
    publish: "granted",
    retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
    durable: { ackWaitMs: 1_000, maxAttempts: 2 },
  },
] as const;

async function connect(t: TestCore): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada", { grants }) });
  socket.send({ type: "subscribe", id: 1, channel: "job:a", as: "worker" });
  await t.clock.settle();
  socket.take();
  return socket;
}

/** Publishes `count` entries that nobody acknowledges, until each is a dead letter. */
async function giveUp(t: TestCore, count: number): Promise<TestSocket> {
  const socket = await connect(t);
  for (let n = 1; n <= count; n++) await t.publish("job:a", "n", { n });
  await t.clock.advance(10_000);
  socket.take();
  return socket;
}

async function all(t: TestCore, filter: object = {}) {
  return (await t.core.deadLetters.list(t.service, filter)).letters;
}

async function only(t: TestCore) {
  const [deadLetter] = await all(t);
  if (deadLetter === undefined) throw new Error("there is no letter");
  return deadLetter;
}

describe("[P-DLQ-1] a dead letter", () => {
  test("a dead letter names its entry, channel, subscriber, owner, number of attempts and reason", async () => {
    await using t = testCore({ rules });
    await giveUp(t, 1);
    const history = await t.core.channels.history(t.service, "job:a");
    expect(await only(t)).toEqual({
      id: expect.any(String),
      at: expect.any(Number),
      channel: "job:a",
      reason: "not_acknowledged",
      subscriber: "worker",
      owner: "user:ada",
      attempts: 2,
      entry: history.entries[0],
    });
    expect(await t.core.deadLetters.get(t.service, (await only(t)).id)).toEqual(await only(t));
  });

  test("[P-DLQ-7] only services may list, read, replay or drop dead letters", async () => {
    await using t = testCore({ rules });
    await giveUp(t, 1);
    const { id } = await only(t);
    const ada = t.user("ada", { grants });
    const { deadLetters } = t.core;
    for (const refused of [
      deadLetters.list(ada, {}),
      deadLetters.get(ada, id),
      deadLetters.replay(ada, id),
      deadLetters.drop(ada, id),
      deadLetters.replayMany(ada, {}),
      deadLetters.dropMany(ada, {}),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: "forbidden" });
    }
    expect(await all(t)).toHaveLength(1);
  });
});

describe("[P-DLQ-2] dead letters", () => {
  test("dead letters are listed oldest first, page by page, and a filter selects them", async () => {
    await using t = testCore({ rules });
    await giveUp(t, 5);
    const { deadLetters } = t.core;
    const first = await deadLetters.list(t.service, { limit: 3, reason: "not_acknowledged" });
    expect(first.letters.map(({ entry }) => entry.data)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const rest = await deadLetters.list(t.service, { limit: 3, after: first.next ?? "" });
    expect(rest.letters.map(({ entry }) => entry.data)).toEqual([{ n: 4 }, { n: 5 }]);
    expect(rest).not.toHaveProperty("next");
    expect(rest).toMatchObject({ kept: 5, dropped: 0 });
    expect(await all(t, { channel: "job:b" })).toEqual([]);
    expect(await all(t, { subscriber: "other" })).toEqual([]);
    expect(await all(t, { reason: "expired" })).toEqual([]);
    for (const wrong of [{ limit: 0 }, { limit: 1_001 }, { channel: 7 }]) {
      const refused = deadLetters.list(t.service, wrong as object);
      await expect(refused).rejects.toMatchObject({ code: "bad_message" });
    }
  });
});

describe("[P-DLQ-3] a replay of a dead letter", () => {
  test("[G11] a replay delivers to the dead letter's subscriber alone, and the ack removes the dead letter", async () => {
    await using t = testCore({ rules });
    const socket = await giveUp(t, 1);
    const other = await connectAs(t, "other");
    const { id, entry } = await only(t);
    expect(await t.core.deadLetters.replay(t.service, id)).toEqual({ id, to: "subscriber" });
    await t.core.deadLetters.replay(t.service, id);
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "event", position: entry.position, data: { n: 1 }, attempt: 3 },
    ]);
    expect(other.take()).toEqual([]);
    expect(await all(t)).toHaveLength(1);
    socket.send({ type: "ack", channel: "job:a", position: entry.position });
    await t.clock.settle();
    expect(await all(t)).toEqual([]);
    await t.clock.advance(10_000);
    expect(socket.take()).toEqual([]);
  });

  test("a replay gets the full number of attempts, and if they fail it updates the same dead letter", async () => {
    await using t = testCore({ rules });
    const socket = await giveUp(t, 1);
    const { id, entry } = await only(t);
    await t.core.deadLetters.replay(t.service, id);
    await t.clock.advance(1_500);
    expect(socket.take().map(({ attempt }) => attempt)).toEqual([3, 4]);
    socket.send({ type: "nack", channel: "job:a", position: entry.position, reason: "still no" });
    await t.clock.advance(5_000);
    expect(await all(t)).toMatchObject([{ id, reason: "refused: still no", attempts: 4 }]);
    await t.core.deadLetters.replay(t.service, id);
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ attempt: 5 }]);
  });

  test("the ack of a replay settles only the replay, and other entries need their own ack", async () => {
    await using t = testCore({ rules });
    const socket = await giveUp(t, 1);
    const { id, entry } = await only(t);
    const next = await t.publish("job:a", "n", { n: 2 });
    await t.core.deadLetters.replay(t.service, id);
    await t.clock.settle();
    socket.take();
    socket.send({ type: "ack", channel: "job:a", position: entry.position });
    await t.clock.advance(1_300);
    expect(socket.take()).toMatchObject([{ data: { n: 2 }, attempt: 2 }]);
    socket.send({ type: "ack", channel: "job:a", position: next.position });
    await t.clock.advance(10_000);
    expect(socket.take()).toEqual([]);
    expect(await all(t)).toEqual([]);
  });

  test("a replay to a disconnected durable subscriber waits until it reconnects", async () => {
    await using t = testCore({ rules });
    const socket = await giveUp(t, 2);
    socket.drop();
    const { done, failed } = await t.core.deadLetters.replayMany(t.service, { channel: "job:a" });
    expect([done, failed]).toEqual([2, []]);
    const back = t.connect({ principal: t.user("ada", { grants }) });
    back.send({ type: "subscribe", id: 1, channel: "job:a", as: "worker" });
    await t.clock.settle();
    const events = back.take().filter(({ type }) => type === "event");
    expect(events.map(({ data, attempt }) => [data, attempt])).toEqual([
      [{ n: 1 }, 3],
      [{ n: 2 }, 3],
    ]);
  });

  test("a replay whose dead letter is dropped meanwhile delivers nothing", async () => {
    await using t = testCore({ rules });
    const socket = await giveUp(t, 1);
    const { id } = await only(t);
    socket.drop();
    await t.core.deadLetters.replay(t.service, id);
    await t.core.deadLetters.drop(t.service, id);
    const back = await connect(t);
    await t.clock.advance(5_000);
    expect(back.take()).toEqual([]);
    await expect(t.core.deadLetters.replay(t.service, id)).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("a replay of entries that the log lost before delivery fails with not_possible_now", async () => {
    await using t = testCore({ rules });
    (await connect(t)).drop();
    for (let n = 1; n <= 150; n++) await t.publish("job:a", "n", n);
    await connect(t);
    const { id, reason } = await only(t);
    expect(reason).toBe("trimmed");
    await expect(t.core.deadLetters.replay(t.service, id)).rejects.toMatchObject({
      code: "not_possible_now",
    });
    expect(await t.core.deadLetters.replayMany(t.service, {})).toMatchObject({
      done: 0,
      failed: [{ id, error: { code: "not_possible_now" } }],
    });
    expect(await all(t)).toHaveLength(1);
  });
});

describe("[P-DLQ-4] dropping dead letters", () => {
  test("dropping removes one dead letter, or a page of those that match a filter", async () => {
    await using t = testCore({ rules });
    await giveUp(t, 5);
    const { deadLetters } = t.core;
    const { id } = await only(t);
    await deadLetters.drop(t.service, id);
    await expect(deadLetters.drop(t.service, id)).rejects.toMatchObject({ code: "not_found" });
    await expect(deadLetters.get(t.service, id)).rejects.toMatchObject({ code: "not_found" });
    const page = await deadLetters.dropMany(t.service, { channel: "job:a", limit: 3 });
    expect(page).toMatchObject({ done: 3, failed: [] });
    expect(await all(t)).toMatchObject([{ entry: { data: { n: 5 } } }]);
  });
});

test("[P-DLQ-6] the dead-letter queue keeps 10,000 dead letters, each for seven days", async () => {
  const clock = new ManualClock();
  const { deadLetters } = memoryEngine()({ clock, random: new SeededRandom() });
  const deadLetter = {
    at: 0,
    channel: "job:a",
    reason: "expired",
    attempts: 1,
    entry: { json: "1" },
  };
  for (let n = 0; n < 10_001; n++) {
    await deadLetters.put({ ...deadLetter, source: `${n}` }, deadLetterBounds);
  }
  expect(await deadLetters.count()).toEqual({ kept: 10_000, dropped: 1 });
  expect(await deadLetters.list({ limit: 1 })).toMatchObject([{ source: "1" }]);
  await clock.advance(7 * 24 * 3_600_000 - 1);
  expect(await deadLetters.count()).toMatchObject({ kept: 10_000 });
  await clock.advance(1);
  expect(await deadLetters.count()).toMatchObject({ kept: 0 });
});

async function connectAs(t: TestCore, name: string): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada", { grants }) });
  socket.send({ type: "subscribe", id: 1, channel: "job:a", as: name });
  await t.clock.settle();
  socket.take();
  return socket;
}

/** Core whose store answers every request for a replay with this, and that store. */
function coreOver(replay: "added" | "full") {
  let store: Engine | undefined;
  const engine = (context: EngineContext): Engine => {
    const whole = memoryEngine()(context);
    const durable = altered(whole.durable, { replay: async () => replay });
    store = replay === "full" ? { ...whole, durable } : whole;
    return store;
  };
  const t = testCore({ rules, engine });
  return { t, store: store as unknown as Engine };
}

test("a replay that the subscriber has no room for is refused with rate_limited", async () => {
  const { t } = coreOver("full");
  await using _ = t;
  await giveUp(t, 1);
  const { id } = await only(t);
  const refused = t.core.deadLetters.replay(t.service, id);
  await expect(refused).rejects.toMatchObject({ code: "rate_limited" });
});

test("[P-DLQ-5] a dead letter that is published again is in its channel once, and no longer in the queue", async () => {
  const { t, store } = coreOver("added");
  await using _ = t;
  for (const publisher of ["service:backend", "gateway:source"]) {
    const entry = { event: "n", json: "1" };
    const about = { source: publisher, at: 0, channel: "job:a", reason: "refused", attempts: 1 };
    const { id } = await store.deadLetters.put({ ...about, publisher, entry }, deadLetterBounds);
    expect(await t.core.deadLetters.replay(t.service, id)).toMatchObject({ id, to: "channel" });
    expect(await all(t)).toEqual([]);
  }
  const { entries } = await t.core.channels.history(t.service, "job:a");
  expect(entries).toHaveLength(2);
});
