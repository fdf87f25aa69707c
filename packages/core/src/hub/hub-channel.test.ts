import { memoryEngine } from "@milepost/engine";
import { FaultyEngine, ManualClock, SeededRandom } from "@milepost/engine/testing";
import { origin, type Publication } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { RuleBook } from "../rules/rule-book.ts";
import { noInstruments } from "../runtime/instruments.ts";
import { Ticker } from "../send-queue/ticker.ts";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";
import { ChannelNumbers } from "./channel-numbers.ts";
import { EncodedPages } from "./encoded-pages.ts";
import { positionCheckMs } from "./hub.ts";
import { HubChannel } from "./hub-channel.ts";
import { RecentBudget } from "./recent-budget.ts";

const granted = { subscribe: "authenticated", publish: "granted" } as const;
const retention = { maxEntries: 20_000, maxAgeMs: 3_600_000 };
const rules = [{ pattern: "log:*", ...granted, retention }] as const;

/** Channel of a node with a log of `count` entries, of which the channel knows nothing yet. */
async function channelOf(count: number) {
  const clock = new ManualClock();
  const { log } = memoryEngine()({ clock, random: new SeededRandom() });
  const resolved = new RuleBook(rules).of("log:a");
  const publications: Publication[] = [];
  for (let n = 1; n <= count; n++) {
    const entry = { event: "n", json: String(n), publisher: "backend" };
    publications.push((await log.append("log:a", entry, resolved.policy)).publication);
  }
  let reads = 0;
  const onError = (error: unknown) => {
    throw error;
  };
  const channel = new HubChannel(resolved, Promise.resolve(), {
    starts: log,
    log: {
      read: (...args) => {
        reads++;
        return log.read(...args);
      },
      snapshot: (...args) => log.snapshot(...args),
      peek: (...args) => log.peek(...args),
    },
    ticker: new Ticker(clock, onError),
    numbers: new ChannelNumbers(),
    maxReplayEntries: 20_000,
    pause: () => Promise.resolve(),
    isCut: () => false,
    settled: async () => {},
    instruments: noInstruments,
    onError,
    recentBudget: new RecentBudget(),
    pages: new EncodedPages(),
  });
  const epoch = publications[0]?.position.epoch ?? "";
  const seed = () => channel.seed({ head: origin(epoch), entries: [] });
  return { channel, clock, publications, seed, reads: () => reads };
}

describe("publications that arrive while a channel is read for the first time", () => {
  test("[G4] a channel keeps up to 10,000 publications that arrive during its first read, and does not read the log again", async () => {
    const { channel, clock, publications, seed, reads } = await channelOf(10_000);
    channel.beginJoin();
    for (const publication of publications) channel.receive(publication);
    seed();
    await clock.settle();
    expect(channel.last).toEqual(publications.at(-1)?.position);
    expect(reads()).toBe(0);
  });

  test("[G4] [G7] a channel keeps at most 10,000 publications that arrive during its first read, and reads the others from the log", async () => {
    const { channel, clock, publications, seed, reads } = await channelOf(10_001);
    channel.beginJoin();
    for (const publication of publications) channel.receive(publication);
    seed();
    expect(channel.last?.offset).toBe(0);
    await clock.settle();
    expect(channel.last).toEqual(publications.at(-1)?.position);
    expect(reads()).toBeGreaterThan(0);
  });

  test("[G7] a channel that nobody joins keeps no publications", async () => {
    const { channel, publications, seed } = await channelOf(3);
    for (const publication of publications) channel.receive(publication);
    channel.beginJoin();
    seed();
    expect(channel.last?.offset).toBe(0);
  });
});

function numbers(messages: readonly Received[]): unknown[] {
  return messages.filter(({ type }) => type === "event").map(({ data }) => data);
}

async function reading(t: TestCore, since: unknown): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada") });
  socket.send({ type: "subscribe", id: 1, channel: "log:a", since });
  await t.clock.settle();
  return socket;
}

async function publishMany(t: TestCore, from: number, to: number): Promise<string[]> {
  const positions: string[] = [];
  for (let n = from; n <= to; n++) positions.push((await t.publish("log:a", "n", n)).position);
  await t.clock.settle();
  return positions;
}

describe("a channel and its log", () => {
  test("[G1] [G3] a subscriber that is one entry ahead of its channel does not receive that entry again", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await reading(t, "now");
    faulty.lag();
    await publishMany(t, 1, 1);
    const ahead = await reading(t, "start");
    expect(numbers(ahead.take())).toEqual([1]);
    faulty.deliver();
    await publishMany(t, 2, 2);
    expect(numbers(ahead.take())).toEqual([2]);
  });

  test("[G4] one position check brings everything that the bus lost, however many pages of the log it is", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "now");
    socket.take();
    faulty.loses = () => true;
    await publishMany(t, 1, 1_200);
    expect(numbers(socket.take())).toEqual([]);
    await t.clock.advance(positionCheckMs);
    expect(numbers(socket.take())).toHaveLength(1_200);
  });

  test("[G4] the position check notices that the newest entry was replaced by another one", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await reading(t, "now");
    await publishMany(t, 1, 3);
    socket.take();
    await faulty.loseTail("log:a", 1);
    faulty.loses = () => true;
    await publishMany(t, 30, 30);
    await t.clock.advance(positionCheckMs);
    expect(socket.take()).toMatchObject([
      { type: "gap", reason: "tag_mismatch" },
      {},
      {},
      { data: 30 },
    ]);
  });

  test("[G4] entries that the log has lost are never part of a later resume", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await reading(t, "now");
    const positions = await publishMany(t, 1, 6);
    await faulty.loseTail("log:a", 2);
    await publishMany(t, 50, 53);
    await t.clock.advance(positionCheckMs);
    for (const since of positions) {
      const told = (await reading(t, since)).take();
      const isLost = since === positions[4] || since === positions[5];
      expect(told.find(({ type }) => type === "reply")?.result).toMatchObject({
        recovered: !isLost,
      });
      expect(numbers(told)).not.toContain(5);
      expect(numbers(told)).not.toContain(6);
      expect(numbers(told).slice(-4)).toEqual([50, 51, 52, 53]);
    }
  });
});

describe("subscribers of a channel", () => {
  test("a subscriber that leaves takes no other subscriber with it", async () => {
    await using t = testCore({ rules });
    const sockets = [await reading(t, "now"), await reading(t, "now"), await reading(t, "now")];
    sockets[0]?.send({ type: "unsubscribe", id: 2, channel: "log:a" });
    await t.clock.settle();
    for (const socket of sockets) socket.take();
    await publishMany(t, 1, 2);
    expect(sockets.map((socket) => numbers(socket.take()))).toEqual([[], [1, 2], [1, 2]]);
  });

  test("a subscription to a store that does not answer fails after ten seconds", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    faulty.hold();
    const socket = await reading(t, "start");
    socket.take();
    await t.clock.advance(9_900);
    expect(socket.take()).toEqual([]);
    await t.clock.advance(200);
    expect(socket.take()).toMatchObject([
      { type: "reply", id: 1, error: { code: "store_unavailable", retryable: true } },
    ]);
    faulty.release();
  });

  test("a subscriber that leaves before the bus has attached does not read the log", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    faulty.detach();
    const socket = await reading(t, "start");
    socket.drop();
    faulty.attach();
    await t.clock.settle();
    expect(faulty.reads).toBe(0);
  });

  test("[P-SUB-9] a slow joiner whose replay has expired altogether receives one gap, and then the new entries", async () => {
    const short = [{ ...rules[0], retention: { maxEntries: 20_000, maxAgeMs: 10_000 } }];
    await using t = testCore({ rules: short });
    for (let n = 1; n <= 40; n++) await t.publish("log:a", "n", "x".repeat(30_000));
    const socket = t.connect({ principal: t.user("ada") });
    await t.clock.settle();
    socket.stall();
    socket.send({ type: "subscribe", id: 1, channel: "log:a", since: "start" });
    await t.clock.settle();
    await t.clock.advance(20_000);
    socket.resume();
    await t.clock.settle();
    await t.publish("log:a", "n", "new");
    await t.clock.settle();
    const told = socket.received().filter(({ type }) => type === "gap" || type === "event");
    const gaps = told.filter(({ type }) => type === "gap");
    expect(gaps).toHaveLength(1);
    expect(told.at(-2)).toBe(gaps[0]);
    expect(told.at(-1)).toMatchObject({ data: "new" });
  });
});
