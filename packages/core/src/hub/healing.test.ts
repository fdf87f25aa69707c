import { FaultyEngine } from "@milepost/engine/testing";
import { parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { Rule } from "../rules/rule.ts";
import type { Encoder } from "../send-queue/transport.ts";
import { type Received, type TestCore, TestSocket, testCore } from "../testing/index.ts";
import { positionCheckMs } from "./hub.ts";

const granted = { subscribe: "authenticated", publish: "granted" } as const;
const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const rules = [
  { pattern: "state:*", ...granted, retention, projection: { name: "latest" } },
  { pattern: "few:*", ...granted, retention: { ...retention, maxEntries: 5 } },
  { pattern: "log:*", ...granted, retention },
] as const;

async function reading(
  t: TestCore,
  channel: string,
  dialect: "json" | "plain" = "json",
): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada"), channels: [channel] }, dialect);
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
  await t.clock.settle();
  return positions;
}

function numbers(messages: readonly Received[]): unknown[] {
  return messages
    .filter(({ type, event }) => event === "n" || type === "n")
    .map(({ data }) => data);
}

function offset(position: unknown): number {
  const read = parsePosition(position);
  return read.ok ? read.value.offset : Number.NaN;
}

/** Keeps a reader alive while time passes. */
async function pass(t: TestCore, ms: number, ...sockets: TestSocket[]): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    await t.clock.advance(Math.min(left, 10_000));
    for (const socket of sockets) socket.pong();
  }
}

describe("a bus that loses entries", () => {
  test("[P-SUB-9] [G4] a hole is filled from the log before anything after it goes out", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    faulty.loses = ({ position }) => [3, 4, 7].includes(position.offset);
    await publishMany(t, "log:a", 1, 10);
    await t.clock.advance(100);
    expect(numbers(socket.take())).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("[P-SUB-9] a hole that the log has lost too is a gap that names it", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "few:a");
    const seen = await publishMany(t, "few:a", 1, 2);
    faulty.loses = ({ position }) => position.offset < 20;
    const lost = await publishMany(t, "few:a", 3, 20);
    const messages = socket.take();
    expect(messages[2]).toEqual({
      type: "gap",
      channel: "few:a",
      from: seen[1],
      to: lost[12],
      reason: "trimmed",
    });
    expect(numbers(messages)).toEqual([1, 2, 16, 17, 18, 19, 20]);
  });

  test("[P-SUB-9] with a projection it is a reset with the state, and the stream goes on after it", async () => {
    const faulty = new FaultyEngine();
    const few = { ...rules[0], retention: { ...retention, maxEntries: 5 } };
    await using t = testCore({ rules: [few], engine: faulty.factory });
    const socket = await reading(t, "state:a");
    await publishMany(t, "state:a", 1, 2);
    faulty.loses = ({ position }) => position.offset < 20;
    const lost = await publishMany(t, "state:a", 3, 20);
    await publishMany(t, "state:a", 21, 22);
    const messages = socket.take();
    expect(messages[2]).toMatchObject({
      type: "reset",
      channel: "state:a",
      position: lost[17],
      reason: "trimmed",
    });
    expect(JSON.stringify(messages[2]?.snapshot)).toContain('"data":20');
    expect(numbers(messages)).toEqual([1, 2, 21, 22]);
  });

  test("[G4] a channel that fell behind is noticed with the next position check, one that was busy until then too", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    await pass(t, positionCheckMs - 1_000, socket);
    await publishMany(t, "log:a", 1, 1);
    faulty.loses = () => true;
    await publishMany(t, "log:a", 2, 3);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([1]);
    await pass(t, 1_100, socket);
    expect(numbers(socket.take())).toEqual([2, 3]);
  });

  test("a quiet channel that missed nothing is compared and told nothing", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    const reads = faulty.reads;
    await pass(t, 4 * positionCheckMs, socket);
    expect(faulty.reads).toBeGreaterThan(reads);
    expect(socket.take()).toEqual([]);
  });

  test("[G4] while the store is away nothing after the hole goes out; when it is back everything does", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    faulty.loses = ({ position }) => position.offset === 2;
    await publishMany(t, "log:a", 1, 2);
    faulty.lag();
    await publishMany(t, "log:a", 3, 4);
    faulty.isDown = true;
    faulty.deliver();
    await t.clock.advance(3_000);
    expect(numbers(socket.take())).toEqual([1]);
    faulty.isDown = false;
    await t.clock.advance(3_000);
    expect(numbers(socket.take())).toEqual([2, 3, 4]);
  });

  test("[P-SUB-9] readers in both dialects, filtered and not, with one channel and several, all see the same", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const principal = t.user("ada");
    const sockets = [
      await reading(t, "log:a"),
      await reading(t, "log:a", "plain"),
      t.connect({ principal, channels: ["log:a", "log:b"] }, "plain"),
    ];
    const filtered = await reading(t, "log:b");
    filtered.send({ type: "subscribe", id: 1, channel: "log:a", events: ["n"] });
    sockets.push(filtered);
    await t.clock.settle();
    for (const socket of sockets) socket.take();
    faulty.loses = ({ position }) => position.offset % 3 === 0;
    await publishMany(t, "log:a", 1, 20);
    for (const socket of sockets) {
      expect(numbers(socket.take())).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    }
  });
});

describe("a log that changes under its readers", () => {
  test("[P-SUB-9] a purge is told at once, and what follows arrives", async () => {
    await using t = testCore({ rules });
    const plain = await reading(t, "log:a");
    const state = await reading(t, "state:a");
    const [before] = await publishMany(t, "log:a", 1, 1);
    await publishMany(t, "state:a", 1, 1);
    plain.take();
    state.take();
    await t.core.channels.purge(t.service, "log:a");
    await t.core.channels.purge(t.service, "state:a");
    await t.clock.settle();
    expect(plain.take()).toMatchObject([{ type: "gap", from: before, reason: "epoch_changed" }]);
    expect(state.take()).toMatchObject([
      { type: "reset", reason: "epoch_changed", snapshot: { projection: "latest", state: null } },
    ]);
    await publishMany(t, "log:a", 2, 3);
    await publishMany(t, "state:a", 2, 3);
    expect(numbers(plain.take())).toEqual([2, 3]);
    expect(numbers(state.take())).toEqual([2, 3]);
  });

  test("[G4] a reader that joins a purged log before the others noticed makes them notice", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const old = await reading(t, "log:a");
    await publishMany(t, "log:a", 1, 2);
    old.take();
    faulty.hold();
    const purge = t.core.channels.purge(t.service, "log:a");
    faulty.loses = () => true;
    await publishMany(t, "log:a", 3, 4);
    faulty.release();
    await purge;
    const fresh = t.connect({ principal: t.user("bob") });
    fresh.send({ type: "subscribe", id: 1, channel: "log:a", since: "start" });
    await t.clock.settle();
    faulty.loses = () => false;
    await publishMany(t, "log:a", 5, 5);
    expect(numbers(fresh.take())).toEqual([3, 4, 5]);
    const told = old.take();
    expect(told[0]).toMatchObject({ type: "gap", reason: "epoch_changed" });
    expect(numbers(told)).toEqual([3, 4, 5]);
  });

  test("[P-SUB-9] what a late bus brings of a log that is gone is dropped, and what follows arrives", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    faulty.lag();
    await publishMany(t, "log:a", 1, 3);
    await t.core.channels.purge(t.service, "log:a");
    await publishMany(t, "log:a", 4, 5);
    const told = socket.take();
    faulty.deliver();
    await publishMany(t, "log:a", 6, 7);
    expect(told[0]).toMatchObject({ type: "gap", reason: "epoch_changed" });
    expect(numbers([...told, ...socket.take()])).toEqual([4, 5, 6, 7]);
  });

  test("[P-SUB-9] a hole that opens while the log is asked about another is filled at once, not at the next check", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    faulty.lag();
    await publishMany(t, "log:a", 1, 1);
    await t.core.channels.purge(t.service, "log:a");
    await t.clock.settle();
    socket.take();
    // The stale entry makes the hub ask; the answer is ready before the next two are published.
    faulty.hold();
    faulty.deliver();
    await t.clock.settle();
    faulty.loses = ({ json }) => json === "2";
    await publishMany(t, "log:a", 2, 3);
    faulty.release();
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([2, 3]);
  });

  test("[G4] [P-SUB-9] a log that lost its tail and went on is noticed though its offsets continue", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const known = await publishMany(t, "log:a", 1, 3);
    // The channel has read the log up to its head, so the bus may bring what it has already.
    const socket = await reading(t, "log:a");
    await faulty.loseTail("log:a", 2);
    await publishMany(t, "log:a", 4, 6);
    const messages = socket.take();
    expect(messages[0]).toMatchObject({ type: "gap", from: known[2], reason: "tag_mismatch" });
    expect(numbers(messages).slice(-3)).toEqual([4, 5, 6]);
  });

  test("[G4] [TRAP-8] what the bus lost is noticed at once when it says that it was cut, during a comparison too", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    faulty.loses = () => true;
    await publishMany(t, "log:a", 1, 3);
    expect(numbers(socket.take())).toEqual([]);
    faulty.disrupt();
    await t.clock.advance(100);
    expect(numbers(socket.take())).toEqual([1, 2, 3]);
    faulty.hold();
    await pass(t, positionCheckMs, socket);
    await publishMany(t, "log:a", 4, 4);
    faulty.disrupt();
    faulty.release();
    await t.clock.advance(200);
    expect(numbers(socket.take())).toEqual([4]);
  });

  test("[G4] the tail's place is noticed too when the bus lost all but the entry that continues the offsets", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await publishMany(t, "log:a", 1, 3);
    const socket = await reading(t, "log:a");
    await faulty.loseTail("log:a", 2);
    faulty.loses = ({ json }) => json === "4" || json === "5";
    await publishMany(t, "log:a", 4, 6);
    const messages = socket.take();
    expect(messages[0]).toMatchObject({ type: "gap", reason: "tag_mismatch" });
    expect(numbers(messages).slice(-3)).toEqual([4, 5, 6]);
  });

  test("[G4] a reader that is further than its channel is told when the log lost what it has", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await reading(t, "log:a");
    faulty.loses = () => true;
    const positions = await publishMany(t, "log:a", 1, 4);
    const ahead = t.connect({ principal: t.user("eve") });
    ahead.send({ type: "subscribe", id: 1, channel: "log:a", since: "start" });
    await t.clock.settle();
    expect(numbers(ahead.take())).toEqual([1, 2, 3, 4]);
    await faulty.loseTail("log:a", 3);
    await publishMany(t, "log:a", 5, 5);
    faulty.loses = () => false;
    await publishMany(t, "log:a", 6, 8);
    await pass(t, 2 * positionCheckMs, ahead);
    const messages = ahead.take();
    expect(messages.find(({ type }) => type === "gap")).toMatchObject({
      from: positions[3],
      reason: "tag_mismatch",
    });
    expect(numbers(messages).slice(-4)).toEqual([5, 6, 7, 8]);
  });

  test("[G4] that is noticed in a quiet channel too, with the next position checks", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const level = await reading(t, "log:a");
    faulty.loses = () => true;
    const positions = await publishMany(t, "log:a", 1, 4);
    const ahead = t.connect({ principal: t.user("eve") });
    ahead.send({ type: "subscribe", id: 1, channel: "log:a", since: "start" });
    await t.clock.settle();
    ahead.take();
    await faulty.loseTail("log:a", 2);
    await pass(t, 2 * positionCheckMs + 100, ahead, level);
    expect(numbers(level.take())).toEqual([1, 2]);
    expect(ahead.take().find(({ type }) => type === "gap")).toMatchObject({
      from: positions[3],
      reason: "tag_mismatch",
    });
  });

  test("[G4] a reset that its channel needs is not told to a reader whose own position the log continues", async () => {
    const faulty = new FaultyEngine();
    const few = { ...retention, maxEntries: 5 };
    const state = { pattern: "few:*", ...granted, retention: few, projection: { name: "latest" } };
    await using t = testCore({ rules: [state as Rule], engine: faulty.factory });
    const level = await reading(t, "few:a");
    faulty.loses = () => true;
    await publishMany(t, "few:a", 1, 8);
    const ahead = t.connect({ principal: t.user("eve") });
    ahead.send({ type: "subscribe", id: 1, channel: "few:a", since: "start" });
    await t.clock.settle();
    expect(numbers(ahead.take())).toEqual([4, 5, 6, 7, 8]);
    await publishMany(t, "few:a", 9, 10);
    await pass(t, 2 * positionCheckMs + 100, ahead, level);
    expect(level.take()).toMatchObject([{ type: "reset", reason: "trimmed" }]);
    const messages = ahead.take();
    expect(messages.filter(({ type }) => type === "reset")).toEqual([]);
    expect(numbers(messages)).toEqual([9, 10]);
  });

  test("a channel nobody reads any more is let go, and read again from the start when somebody comes", async () => {
    await using t = testCore({ rules });
    const socket = await reading(t, "log:a");
    socket.drop();
    expect(t.core.stats()).toMatchObject({ channels: 0, subscriptions: 0 });
    await publishMany(t, "log:a", 1, 2);
    await t.clock.advance(positionCheckMs * 2);
    await publishMany(t, "log:a", 3, 3);
    const back = await reading(t, "log:a");
    await publishMany(t, "log:a", 4, 4);
    expect(numbers(back.take())).toEqual([4]);
  });
});

describe("ahead of the bus", () => {
  test("[P-SUB-9] a gap that the others need is not told to a reader that is further already", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const behind = await reading(t, "few:a");
    faulty.loses = () => true;
    const positions = await publishMany(t, "few:a", 1, 20);
    const ahead = t.connect({ principal: t.user("bob") });
    ahead.send({ type: "subscribe", id: 1, channel: "few:a", since: positions[15] });
    await t.clock.settle();
    expect(numbers(ahead.take())).toEqual([17, 18, 19, 20]);
    faulty.loses = () => false;
    await publishMany(t, "few:a", 21, 21);
    expect(ahead.take().map(({ type }) => type)).toEqual(["event"]);
    const messages = behind.take();
    expect(messages[0]).toMatchObject({ type: "gap", reason: "trimmed" });
    expect(offset(messages[0]?.to)).toBe(16);
    expect(numbers(messages)).toEqual([17, 18, 19, 20, 21]);
  });
});

describe("a log that has lost its tail and gives the offsets out again", () => {
  test("[P-SUB-9] an entry at the place of the last that the log gave is not taken for that one come late", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const positions = await publishMany(t, "log:a", 1, 3);
    const socket = await reading(t, "log:a");
    await faulty.loseTail("log:a", 1);
    await publishMany(t, "log:a", 4, 4);
    const told = socket.take();
    expect(told[0]).toMatchObject({ type: "gap", from: positions[2], reason: "tag_mismatch" });
    expect(numbers(told)).toEqual([1, 2, 4]);
  });

  test("[P-SUB-9] a reader that was ahead of the channel with what is lost is told too", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const behind = await reading(t, "log:a");
    await publishMany(t, "log:a", 1, 4);
    faulty.loses = () => true;
    const lost = await publishMany(t, "log:a", 5, 6);
    const ahead = await reading(t, "log:a");
    faulty.loses = () => false;
    await faulty.loseTail("log:a", 3);
    await publishMany(t, "log:a", 7, 9);
    for (const socket of [behind, ahead]) {
      const told = socket.take();
      expect(told.find(({ type }) => type === "gap")).toMatchObject({ reason: "tag_mismatch" });
      expect(numbers(told).slice(-6)).toEqual([1, 2, 3, 7, 8, 9]);
    }
    expect(ahead.received().find(({ type }) => type === "gap")).toMatchObject({ from: lost[1] });
  });

  test("[P-SUB-9] who joins and finds another entry at the channel's place makes the channel look at once", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const before = await reading(t, "log:a");
    await publishMany(t, "log:a", 1, 3);
    await faulty.loseTail("log:a", 1);
    faulty.loses = () => true;
    await publishMany(t, "log:a", 4, 4);
    faulty.loses = () => false;
    before.take();
    await reading(t, "log:a");
    expect(before.take()[0]).toMatchObject({ type: "gap", reason: "tag_mismatch" });
  });
});

test("a reset to many readers is encoded once for all to whom it reads the same", async () => {
  await using t = testCore({ rules });
  for (const dialect of ["json", "plain"] as const) {
    await t.publish("state:a", "n", 1);
    let resets = 0;
    const encoder: Encoder = {
      ...t[dialect],
      encodeMessage: (message) => {
        if (message.type === "reset") resets++;
        return t[dialect].encodeMessage(message);
      },
    };
    const sockets = ["ada", "bob", "eve"].map((user) => {
      const socket = new TestSocket(encoder);
      socket.attach(t.core.connect(socket, { principal: t.user(user), channels: ["state:a"] }));
      return socket;
    });
    await t.clock.settle();
    await t.core.channels.purge(t.service, "state:a");
    await t.clock.settle();
    for (const socket of sockets) {
      expect(socket.received().at(-1)).toMatchObject({ type: "reset", channel: "state:a" });
    }
    expect(resets).toBe(1);
  }
});

test("[P-SUB-2] [P-SUB-9] a state of which there is none yet is null, in every place and dialect", async () => {
  await using t = testCore({ rules });
  const snapshot = { projection: "latest", state: null };
  expect(await t.core.channels.snapshot(t.service, "state:a")).toMatchObject({ snapshot });
  for (const dialect of ["json", "plain"] as const) {
    const socket = t.connect({ principal: t.user("ada"), channels: ["state:a"] }, dialect);
    await t.clock.settle();
    expect(socket.take()[1]).toMatchObject({ type: "subscribed", snapshot });
    socket.send({ type: "unsubscribe", id: 1, channel: "state:a" });
    socket.send({ type: "subscribe", id: 2, channel: "state:a" });
    await t.clock.settle();
    expect(socket.take()[1]).toMatchObject({ id: 2, result: { snapshot } });
    await t.publish("state:a", "n", 1);
    await t.core.channels.purge(t.service, "state:a");
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ type: "reset", snapshot });
    socket.drop();
  }
});
