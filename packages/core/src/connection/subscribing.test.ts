import { FaultyEngine } from "@milepost/engine/testing";
import { type Position, parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const grants = { subscribe: ["log:*", "state:*", "few:*", "tiny:*", "far:*"], publish: ["log:*"] };
const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const granted = { subscribe: "granted", publish: "granted" } as const;
const rules = [
  { pattern: "state:*", ...granted, retention, projection: { name: "latest" } },
  { pattern: "few:*", ...granted, retention: { ...retention, maxEntries: 5 } },
  {
    pattern: "tiny:*",
    ...granted,
    retention: { ...retention, maxEntries: 5 },
    projection: { name: "latest" },
  },
  { pattern: "far:*", ...granted, retention: { ...retention, maxEntries: 50_000 } },
] as const;

function core(options: Parameters<typeof testCore>[0] = {}): TestCore {
  return testCore({ rules, ...options });
}

async function open(t: TestCore, dialect: "json" | "plain" = "json"): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada", { grants }) }, dialect);
  await t.clock.settle();
  socket.take();
  return socket;
}

async function publishMany(
  t: TestCore,
  channel: string,
  from: number,
  to: number,
): Promise<string[]> {
  const positions: string[] = [];
  for (let n = from; n <= to; n++) positions.push((await t.publish(channel, "n", n)).position);
  return positions;
}

async function subscribe(t: TestCore, socket: TestSocket, channel: string, rest: object = {}) {
  socket.send({ type: "subscribe", id: 1, channel, ...rest });
  await t.clock.settle();
  return socket.take();
}

function numbers(messages: readonly Received[]): unknown[] {
  return messages.filter(({ event }) => event === "n").map(({ data }) => data);
}

function result(messages: readonly Received[]): Received {
  const reply = messages.find(({ type }) => type === "reply");
  return (reply?.result ?? reply?.error) as Received;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function at(position: string | undefined): Position {
  const read = parsePosition(position);
  if (!read.ok) throw new Error(`${position} is no position`);
  return read.value;
}

describe("a fresh subscription", () => {
  test("[P-SUB-1] [P-SUB-2] a subscription without a projection starts at the head and receives later entries once, in order", async () => {
    await using t = core();
    const positions = await publishMany(t, "log:a", 1, 3);
    const socket = await open(t);
    const started = await subscribe(t, socket, "log:a");
    expect(result(started)).toEqual({ channel: "log:a", position: positions[2], recovered: false });
    await publishMany(t, "log:a", 4, 6);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([4, 5, 6]);
  });

  test("[P-SUB-2] a subscription with a projection receives the state at a position and then the entries after it", async () => {
    await using t = core();
    const positions = await publishMany(t, "state:a", 1, 3);
    const socket = await open(t);
    const { snapshot, ...rest } = result(await subscribe(t, socket, "state:a"));
    expect(rest).toEqual({ channel: "state:a", position: positions[2], recovered: false });
    expect(snapshot).toMatchObject({ projection: "latest" });
    expect(JSON.stringify(snapshot)).toContain('"data":3');
    await publishMany(t, "state:a", 4, 4);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([4]);
  });

  test("[TRAP-1] [G5] [P-SUB-2] an entry published while a read of the log waits for its answer is delivered exactly once", async () => {
    const faulty = new FaultyEngine();
    await using t = core({ engine: faulty.factory });
    await publishMany(t, "log:a", 1, 3);
    const socket = await open(t);
    faulty.hold();
    socket.send({ type: "subscribe", id: 1, channel: "log:a", since: "start" });
    await t.clock.settle();
    await publishMany(t, "log:a", 4, 6);
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
    faulty.release();
    await t.clock.settle();
    await publishMany(t, "log:a", 7, 8);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual(range(1, 8));
  });

  test("[G5] the log is read only after the bus subscription is active, so an entry published before that is not missed", async () => {
    const faulty = new FaultyEngine();
    await using t = core({ engine: faulty.factory });
    const socket = await open(t);
    faulty.detach();
    expect(await subscribe(t, socket, "log:a", { since: "start" })).toEqual([]);
    await publishMany(t, "log:a", 1, 2);
    faulty.attach();
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([1, 2]);
  });

  test("[G5] an entry that was read from the log is not delivered again when the bus delivers it late", async () => {
    const faulty = new FaultyEngine();
    await using t = core({ engine: faulty.factory });
    const first = await open(t);
    await subscribe(t, first, "log:a");
    faulty.lag();
    await publishMany(t, "log:a", 1, 3);
    const ahead = await open(t);
    expect(numbers(await subscribe(t, ahead, "log:a", { since: "start" }))).toEqual([1, 2, 3]);
    await publishMany(t, "log:a", 4, 4);
    faulty.deliver();
    await publishMany(t, "log:a", 5, 5);
    await t.clock.settle();
    expect(numbers(first.take())).toEqual([1, 2, 3, 4, 5]);
    expect(numbers(ahead.take())).toEqual([4, 5]);
  });

  test("[G5] if more entries arrive during a subscription's start than it may keep in memory, the others are read from the log", async () => {
    const faulty = new FaultyEngine();
    await using t = core({ engine: faulty.factory });
    const socket = await open(t);
    faulty.hold();
    socket.send({ type: "subscribe", id: 1, channel: "far:a", since: "start" });
    await t.clock.settle();
    await publishMany(t, "far:a", 1, 3_000);
    faulty.release();
    await t.clock.settle();
    await publishMany(t, "far:a", 3_001, 3_001);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual(range(1, 3_001));
  });

  test("[G5] a subscription whose start waits for the store fails after 10 s with a retryable error", async () => {
    const faulty = new FaultyEngine();
    await using t = core({ engine: faulty.factory });
    const socket = await open(t);
    faulty.hold();
    await subscribe(t, socket, "log:a");
    await t.clock.advance(10_100);
    expect(result(socket.take())).toMatchObject({ code: "store_unavailable", retryable: true });
    faulty.release();
    await t.clock.settle();
    expect(result(await subscribe(t, socket, "log:a"))).toMatchObject({ channel: "log:a" });
  });

  test("a subscribe during a store failure is refused with store_unavailable, and can be repeated afterwards", async () => {
    const faulty = new FaultyEngine();
    await using t = core({ engine: faulty.factory });
    const socket = await open(t);
    faulty.isDown = true;
    expect(result(await subscribe(t, socket, "log:a"))).toMatchObject({
      code: "store_unavailable",
    });
    faulty.isDown = false;
    expect(result(await subscribe(t, socket, "log:a"))).toMatchObject({ channel: "log:a" });
  });

  test("[P-SUB-5] a subscription since start begins at the oldest kept entry, after a gap if older ones existed", async () => {
    await using t = core();
    const socket = await open(t);
    await publishMany(t, "few:a", 1, 5);
    expect(numbers(await subscribe(t, socket, "few:a", { since: "start" }))).toEqual(range(1, 5));
    const positions = await publishMany(t, "few:b", 1, 8);
    const messages = await subscribe(t, socket, "few:b", { since: "start" });
    const epoch = at(positions[0]).epoch;
    expect(result(messages)).toEqual({
      channel: "few:b",
      position: positions[2],
      recovered: false,
      reason: "trimmed",
    });
    expect(messages[1]).toEqual({
      type: "gap",
      channel: "few:b",
      from: `${epoch}.0.0`,
      to: positions[2],
      reason: "trimmed",
    });
    expect(numbers(messages)).toEqual(range(4, 8));
  });

  test("[P-SUB-5] a subscription since {last: n} begins with the last n entries, or with as many as are kept", async () => {
    await using t = core();
    const socket = await open(t);
    const positions = await publishMany(t, "log:a", 1, 10);
    const messages = await subscribe(t, socket, "log:a", { since: { last: 3 } });
    expect(result(messages)).toMatchObject({ position: positions[6], recovered: false });
    expect(numbers(messages)).toEqual([8, 9, 10]);
    await publishMany(t, "few:a", 1, 9);
    expect(numbers(await subscribe(t, socket, "few:a", { since: { last: 99 } }))).toEqual(
      range(5, 9),
    );
  });

  test("[P-SUB-5] a subscription since now begins at the head without a snapshot", async () => {
    await using t = core();
    const socket = await open(t);
    const [position] = await publishMany(t, "state:a", 1, 1);
    const messages = await subscribe(t, socket, "state:a", { since: "now" });
    expect(result(messages)).toEqual({ channel: "state:a", position, recovered: false });
  });
});

describe("a resume", () => {
  test("[TRAP-3] [P-SUB-3] [G4] a resume from a position delivers every missed entry once, and no other", async () => {
    await using t = core();
    const positions = await publishMany(t, "log:a", 1, 10);
    for (const seen of [1, 5, 9, 10]) {
      const socket = await open(t);
      const messages = await subscribe(t, socket, "log:a", { since: positions[seen - 1] });
      expect(result(messages)).toEqual({
        channel: "log:a",
        position: positions[seen - 1],
        recovered: true,
      });
      // The entry at the resumed position was delivered before, so it must not arrive again.
      expect(numbers(messages)).toEqual(range(seen + 1, 10));
      socket.drop();
    }
  });

  test("[P-SUB-3] a resume from a position taken while the channel was empty delivers every entry", async () => {
    await using t = core();
    const socket = await open(t);
    const { position } = result(await subscribe(t, socket, "log:a"));
    socket.drop();
    await publishMany(t, "log:a", 1, 3);
    const back = await open(t);
    const messages = await subscribe(t, back, "log:a", { since: position });
    expect(result(messages)).toMatchObject({ recovered: true });
    expect(numbers(messages)).toEqual([1, 2, 3]);
  });

  test("[P-SUB-3] a resume from the newest trimmed entry is recovered, because every later entry is kept", async () => {
    await using t = core();
    const positions = await publishMany(t, "few:a", 1, 8);
    const socket = await open(t);
    const messages = await subscribe(t, socket, "few:a", { since: positions[2] });
    expect(result(messages)).toMatchObject({ recovered: true });
    expect(numbers(messages)).toEqual(range(4, 8));
  });

  test("[P-SUB-4] [G4] a resume from a trimmed position is answered with a gap and every entry that is still kept", async () => {
    await using t = core();
    const positions = await publishMany(t, "few:a", 1, 8);
    const socket = await open(t);
    const messages = await subscribe(t, socket, "few:a", { since: positions[1] });
    expect(result(messages)).toMatchObject({ recovered: false, reason: "trimmed" });
    expect(messages[1]).toEqual({
      type: "gap",
      channel: "few:a",
      from: positions[1],
      to: positions[2],
      reason: "trimmed",
    });
    expect(numbers(messages)).toEqual(range(4, 8));
  });

  test("[P-SUB-4] a resume from a trimmed position of a channel with a projection is answered with a snapshot", async () => {
    await using t = core();
    const positions = await publishMany(t, "tiny:a", 1, 8);
    const socket = await open(t);
    const messages = await subscribe(t, socket, "tiny:a", { since: positions[0] });
    expect(result(messages)).toMatchObject({
      position: positions[7],
      recovered: false,
      reason: "trimmed",
    });
    expect(JSON.stringify(result(messages).snapshot)).toContain('"data":8');
    expect(messages).toHaveLength(1);
    await publishMany(t, "tiny:a", 9, 9);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([9]);
  });

  test("[TRAP-2] [P-SUB-4] [G4] a resume from a position before a purge is answered with epoch_changed and a gap", async () => {
    await using t = core();
    const positions = await publishMany(t, "log:a", 1, 3);
    await t.core.channels.purge(t.service, "log:a");
    await publishMany(t, "log:a", 11, 14);
    const socket = await open(t);
    const messages = await subscribe(t, socket, "log:a", { since: positions[2] });
    expect(result(messages)).toMatchObject({ recovered: false, reason: "epoch_changed" });
    expect(messages[1]).toMatchObject({ type: "gap", from: positions[2], reason: "epoch_changed" });
    expect(numbers(messages)).toEqual([11, 12, 13, 14]);
  });

  test("[TRAP-2] [P-SUB-4] [G4] a resume from a position with a wrong tag, or beyond the head, is answered with tag_mismatch", async () => {
    await using t = core();
    const positions = await publishMany(t, "log:a", 1, 5);
    const { epoch } = at(positions[0]);
    for (const since of [
      `${epoch}.3.wrong`,
      `${epoch}.9.beyond`,
      `${epoch}.5.wrong`,
      `${epoch}.0.x`,
    ]) {
      const socket = await open(t);
      const messages = await subscribe(t, socket, "log:a", { since });
      expect(result(messages)).toMatchObject({ recovered: false, reason: "tag_mismatch" });
      expect(messages[1]).toMatchObject({ type: "gap", from: since });
      expect(numbers(messages)).toEqual(range(1, 5));
      socket.drop();
    }
  });

  test("[P-SUB-4] a resume that misses more than maxReplayEntries entries is answered with the reason limit and the newest maxReplayEntries", async () => {
    await using t = core({ limits: { maxReplayEntries: 50 } });
    const positions = await publishMany(t, "log:a", 1, 200);
    const far = await open(t);
    const messages = await subscribe(t, far, "log:a", { since: positions[0] });
    expect(result(messages)).toMatchObject({ recovered: false, reason: "limit" });
    expect(messages[1]).toMatchObject({ type: "gap", from: positions[0], to: positions[149] });
    expect(numbers(messages)).toEqual(range(151, 200));
    const near = await open(t);
    const replay = await subscribe(t, near, "log:a", { since: positions[149] });
    expect(result(replay)).toMatchObject({ recovered: true });
    expect(numbers(replay)).toEqual(range(151, 200));
  });

  test("[P-POS-1] a subscribe whose since is not a valid position is refused with invalid_position", async () => {
    await using t = core();
    const socket = await open(t);
    expect(result(await subscribe(t, socket, "log:a", { since: "yesterday" }))).toMatchObject({
      code: "invalid_position",
    });
  });

  test("[P-SUB-8] a resume by a user who may not subscribe to the channel is refused with forbidden", async () => {
    await using t = core();
    const [position] = await publishMany(t, "log:a", 1, 1);
    const socket = t.connect({ principal: t.user("eve") });
    await t.clock.settle();
    socket.take();
    expect(result(await subscribe(t, socket, "log:a", { since: position }))).toMatchObject({
      code: "forbidden",
    });
  });
});

describe("a long replay", () => {
  test("[P-SUB-3] [G7] a replay larger than the send queue is read page by page while the reader catches up", async () => {
    await using t = core();
    const text = "x".repeat(2_000);
    const first = await t.publish("far:a", "n", 0);
    for (let n = 1; n <= 4_000; n++) await t.publish("far:a", "n", { n, text });
    const socket = await open(t);
    socket.stall();
    socket.send({ type: "subscribe", id: 1, channel: "far:a", since: first.position });
    let most = 0;
    for (let turn = 0; turn < 100; turn++) {
      await t.clock.advance(50);
      most = Math.max(most, socket.bufferedBytes);
      socket.resume();
      socket.stall();
    }
    socket.resume();
    await t.clock.settle();
    const seen = numbers(socket.take()).map((data) => (data as { n: number }).n);
    expect(seen).toEqual(range(1, 4_000));
    expect(most).toBeLessThan(700_000);
    expect(socket.closed).toBeUndefined();
  });

  test("[P-SUB-9] entries trimmed during a replay are reported as a gap", async () => {
    await using t = core({
      rules: [
        { pattern: "far:*", ...granted, retention: { maxEntries: 2_000, maxAgeMs: 3_600_000 } },
      ],
    });
    const text = "x".repeat(2_000);
    const first = await t.publish("far:a", "n", { n: 0 });
    for (let n = 1; n <= 1_500; n++) await t.publish("far:a", "n", { n, text });
    const socket = await open(t);
    socket.stall();
    socket.send({ type: "subscribe", id: 1, channel: "far:a", since: first.position });
    await t.clock.settle();
    for (let n = 1_501; n <= 4_000; n++) await t.publish("far:a", "n", { n, text });
    for (let turn = 0; turn < 100; turn++) {
      socket.resume();
      socket.stall();
      await t.clock.advance(50);
    }
    socket.resume();
    await t.clock.settle();
    let last = 0;
    for (const { type, data, to } of socket.take()) {
      if (type === "gap") last = at(to as string).offset - 1;
      if (type !== "event") continue;
      const { n } = data as { n: number };
      expect(n).toBe(last + 1);
      last = n;
    }
    expect(last).toBe(4_000);
  });

  test("[P-SUB-3] entries almost as large as the send queue are delivered", async () => {
    await using t = core();
    const first = await t.publish("far:a", "n", 0);
    for (let n = 1; n <= 5; n++) await t.publish("far:a", "n", { n, text: "x".repeat(1_040_000) });
    const socket = await open(t);
    const messages = await subscribe(t, socket, "far:a", { since: first.position });
    expect(numbers(messages)).toHaveLength(5);
    expect(socket.closed).toBeUndefined();
  });
});

describe("bookkeeping of subscriptions", () => {
  test("[P-SUB-6] a second subscribe to a channel and an unsubscribe without a subscription are refused", async () => {
    await using t = core();
    const socket = await open(t);
    await subscribe(t, socket, "log:a");
    expect(result(await subscribe(t, socket, "log:a"))).toMatchObject({
      code: "already_subscribed",
    });
    socket.send({ type: "unsubscribe", id: 2, channel: "log:b" });
    await t.clock.settle();
    expect(result(socket.take())).toMatchObject({ code: "not_subscribed" });
  });

  test("[P-SUB-6] nothing of a channel arrives after the reply to unsubscribe, not even from the same tick", async () => {
    await using t = core();
    const socket = await open(t);
    await subscribe(t, socket, "log:a");
    await t.publish("log:a", "n", 1);
    socket.send({ type: "unsubscribe", id: 2, channel: "log:a" });
    await t.publish("log:a", "n", 2);
    await t.clock.settle();
    const messages = socket.take();
    const replied = messages.findIndex(({ id }) => id === 2);
    expect(messages[replied]).toEqual({ type: "reply", id: 2, result: { channel: "log:a" } });
    expect(numbers(messages.slice(replied))).toEqual([]);
    expect(t.core.stats()).toMatchObject({ subscriptions: 0 });
  });

  test("[P-SUB-6] an unsubscribe sent right after its subscribe is answered after it", async () => {
    await using t = core();
    const socket = await open(t);
    socket.send([
      { type: "subscribe", id: 1, channel: "log:a" },
      { type: "unsubscribe", id: 2, channel: "log:a" },
      { type: "subscribe", id: 3, channel: "log:a" },
    ]);
    await t.clock.settle();
    expect(socket.take().map(({ id, error }) => [id, error])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
    ]);
    await t.publish("log:a", "n", 1);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([1]);
  });

  test("[P-SUB-7] a subscription with an event filter receives only those events, and a resume from the last one misses none of them", async () => {
    await using t = core();
    const socket = await open(t);
    await subscribe(t, socket, "log:a", { events: ["wanted"] });
    const { position } = await t.publish("log:a", "wanted", 1);
    await t.publish("log:a", "other", 2);
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ event: "wanted", data: 1, position }]);
    await t.publish("log:a", "other", 3);
    await t.publish("log:a", "wanted", 4);
    const back = await open(t);
    const messages = await subscribe(t, back, "log:a", { since: position, events: ["wanted"] });
    expect(messages.slice(1)).toMatchObject([{ event: "wanted", data: 4 }]);
  });

  test("[P-SUB-10] a subscribe over the limit is refused with too_many_subscriptions until the client unsubscribes from a channel", async () => {
    await using t = core({ limits: { maxSubscriptions: 2 } });
    const socket = await open(t);
    await subscribe(t, socket, "log:a");
    await subscribe(t, socket, "log:b");
    expect(result(await subscribe(t, socket, "log:c"))).toMatchObject({
      code: "too_many_subscriptions",
    });
    socket.send({ type: "unsubscribe", id: 2, channel: "log:a" });
    expect(result((await subscribe(t, socket, "log:c")).slice(1))).toMatchObject({
      channel: "log:c",
    });
  });

  test("[P-SUB-8] a forbidden channel is refused alike whether it exists or not, and the refusal leaves no state behind", async () => {
    await using t = core();
    await t.publish("secret:there", "n", 1);
    const socket = await open(t);
    const answers = [];
    for (const channel of ["secret:there", "secret:none"]) {
      const answer = result(await subscribe(t, socket, channel));
      answers.push(JSON.stringify(answer).replaceAll(channel, "…"));
    }
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).toContain("forbidden");
    expect(t.core.stats()).toMatchObject({ subscriptions: 0, channels: 0 });
  });

  test("[G1] a client that subscribes and then publishes receives its own entry", async () => {
    const faulty = new FaultyEngine();
    await using t = core({ engine: faulty.factory });
    const socket = await open(t);
    faulty.hold();
    socket.send([
      { type: "subscribe", id: 1, channel: "log:a" },
      { type: "publish", id: 2, channel: "log:a", event: "n", data: 1 },
    ]);
    await t.clock.settle();
    faulty.release();
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([1]);
  });
});
