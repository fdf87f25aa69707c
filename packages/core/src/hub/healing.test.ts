import { type EngineFactory, memoryEngine } from "@milepost/engine";
import { altered, FaultyEngine } from "@milepost/engine/testing";
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

/**
 * Advances the clock by `ms` milliseconds while the sockets answer pings, so that they are not closed as idle.
 */
async function pass(t: TestCore, ms: number, ...sockets: TestSocket[]): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    await t.clock.advance(Math.min(left, 10_000));
    for (const socket of sockets) socket.pong();
  }
}

describe("a bus that loses entries", () => {
  test("[P-SUB-9] [G4] entries that the bus lost are read from the log before any later entry is sent", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    faulty.loses = ({ position }) => [3, 4, 7].includes(position.offset);
    await publishMany(t, "log:a", 1, 10);
    await t.clock.advance(100);
    expect(numbers(socket.take())).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("[P-SUB-9] entries that the bus lost and the log no longer keeps are reported by a gap with their bounds", async () => {
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

  test("[P-SUB-9] with a projection, entries that bus and log lost cause a reset with the state, and the stream continues after it", async () => {
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

  test("[G4] the next position check delivers entries that the bus lost, even in a channel that was busy until just before", async () => {
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

  test("a quiet channel that missed nothing is compared with its log, and its reader receives nothing", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    const reads = faulty.reads;
    await pass(t, 4 * positionCheckMs, socket);
    expect(faulty.reads).toBeGreaterThan(reads);
    expect(socket.take()).toEqual([]);
  });

  test("[G4] while the store is down nothing after a missing entry is sent, and everything is sent once the store is back", async () => {
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

  test("[P-SUB-9] readers in both dialects, filtered or not, with one or several channels, all receive every entry", async () => {
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
  test("[P-SUB-9] a purge sends a gap or a reset at once, and later entries arrive", async () => {
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

  test("[G4] a reader that joins a purged log makes the channel detect the purge for its other readers", async () => {
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

  test("[P-SUB-9] entries of a purged log that the bus delivers late are dropped, and later entries arrive", async () => {
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

  test("[P-SUB-9] entries that the bus loses while the log is read for earlier ones are read at once too, not at the next position check", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "log:a");
    faulty.lag();
    await publishMany(t, "log:a", 1, 1);
    await t.core.channels.purge(t.service, "log:a");
    await t.clock.settle();
    socket.take();
    // The late entry of the purged log makes the hub read the log. The answer is ready before the next two
    // entries are published, but is held back.
    faulty.hold();
    faulty.deliver();
    await t.clock.settle();
    faulty.loses = ({ json }) => json === "2";
    await publishMany(t, "log:a", 2, 3);
    faulty.release();
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([2, 3]);
  });

  test("[G4] [P-SUB-9] the loss of a log's newest entries is detected although new entries reuse their offsets", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const known = await publishMany(t, "log:a", 1, 3);
    // The channel has read the log up to its head, so it expects that the bus may still bring entries up to
    // there.
    const socket = await reading(t, "log:a");
    await faulty.loseTail("log:a", 2);
    await publishMany(t, "log:a", 4, 6);
    const messages = socket.take();
    expect(messages[0]).toMatchObject({ type: "gap", from: known[2], reason: "tag_mismatch" });
    expect(numbers(messages).slice(-3)).toEqual([4, 5, 6]);
  });

  test("[G4] [TRAP-8] entries that the bus lost are read at once when it reports a disruption, even while the log is being compared", async () => {
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

  test("[G4] a lost tail is detected even when the only entry that the bus delivers has the offset after the last one that was read", async () => {
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

  test("[G4] a reader that is ahead of the bus, because it read the log, receives a gap when the log loses the entries it read", async () => {
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

  test("[G4] in a quiet channel, a reader that is ahead of the bus gets a gap at a position check if the log lost entries it had read", async () => {
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

  test("[G4] a reader that is ahead of the bus, because it read the log, gets no reset when the log continues from its position", async () => {
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

  test("a channel without readers is released, and the next reader starts it again from the log", async () => {
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

describe("a reader ahead of the bus", () => {
  test("[P-SUB-9] a gap for readers that missed entries is not sent to a reader that has read past that gap in the log", async () => {
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

describe("a log that lost its tail and reuses the offsets", () => {
  test("[P-SUB-9] after the log lost its tail, a new entry at the offset of the last one read is not taken for a repetition", async () => {
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

  test("[P-SUB-9] a reader that started after entries which the bus never delivered gets a gap too when the log loses them", async () => {
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

  test("[P-SUB-9] when a joining reader finds another entry at the offset of the channel's last one, the channel reads its log", async () => {
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

test("a reset for many readers is encoded once for all those with the same message", async () => {
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

test("[P-SUB-2] [P-SUB-9] the state of a channel that has no state yet is null in every message and dialect", async () => {
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

test("[G4] a reader waits between reads while the log contradicts itself, and receives everything once it no longer does", async () => {
  let isStale = false;
  let reads = 0;
  // As of a replica that lags: reads from the beginning see another, empty log.
  const engine: EngineFactory = (context) => {
    const made = memoryEngine()(context);
    const { log } = made;
    const place = { epoch: "other", offset: 0, tag: "0" };
    const read: typeof log.read = async (channel, after, limit, policy) => {
      if (!isStale) return log.read(channel, after, limit, policy);
      // Without a wait, no timer would ever run again.
      if (++reads > 1_000) throw new Error("the log is read without end");
      return after === 0
        ? { entries: [], head: place, floor: place }
        : log.read(channel, after, limit, policy);
    };
    return altered(made, { log: altered(log, { read }) });
  };
  await using t = testCore({ rules, engine });
  await reading(t, "log:a");
  await publishMany(t, "log:a", 1, 3);
  isStale = true;
  const late = t.connect({ principal: t.user("ada") });
  late.send({ type: "subscribe", id: 1, channel: "log:a", since: "start" });
  await t.clock.advance(1_000);
  expect(reads).toBeGreaterThan(10);
  expect(reads).toBeLessThan(100);
  isStale = false;
  await t.clock.advance(1_000);
  expect(numbers(late.take())).toEqual([1, 2, 3]);
});
