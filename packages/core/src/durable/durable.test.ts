import { FaultyEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const grants = { subscribe: ["job:*", "few:*", "state:*"], publish: [] };
const granted = { subscribe: "granted", publish: "granted" } as const;
const hourMs = 3_600_000;
const retention = { maxEntries: 5_000, maxAgeMs: 48 * hourMs };
const durable = { ackWaitMs: 10_000, maxAttempts: 3 };
const rules = [
  { pattern: "few:*", ...granted, retention: { ...retention, maxEntries: 5 }, durable },
  { pattern: "state:*", ...granted, retention, durable, projection: { name: "latest" } },
  { pattern: "job:*", ...granted, retention, durable },
] as const;
/** Past the longest wait for the first acknowledgement. */
const firstWaitMs = 12_100;

function core(options: Parameters<typeof testCore>[0] = {}): TestCore {
  return testCore({ rules, ...options });
}

async function open(t: TestCore, user = "ada", dialect: "json" | "plain" = "json") {
  const socket = t.connect({ principal: t.user(user, { grants }) }, dialect);
  await t.clock.settle();
  socket.take();
  return socket;
}

async function subscribe(t: TestCore, socket: TestSocket, rest: object = {}) {
  socket.send({ type: "subscribe", id: 1, channel: "job:a", as: "worker", ...rest });
  await t.clock.settle();
  return socket.take();
}

async function begin(t: TestCore, rest: object = {}): Promise<TestSocket> {
  const socket = await open(t);
  await subscribe(t, socket, rest);
  return socket;
}

async function publish(t: TestCore, from: number, to = from, channel = "job:a") {
  const positions: string[] = [];
  for (let n = from; n <= to; n++) positions.push((await t.publish(channel, "n", n)).position);
  await t.clock.settle();
  return positions;
}

async function say(t: TestCore, socket: TestSocket, message: object) {
  socket.send({ channel: "job:a", ...message });
  await t.clock.settle();
}

/** Lets time pass for a peer that answers pings. */
async function pass(t: TestCore, socket: TestSocket, ms: number) {
  for (let left = ms; left > 0; left -= 25_000) {
    await t.clock.advance(Math.min(left, 25_000));
    socket.pong();
  }
}

/** What was delivered since, as `data` or `data#attempt`. */
function delivered(socket: TestSocket): string[] {
  return deliveries(socket.take());
}

function deliveries(messages: readonly Received[]): string[] {
  return messages
    .filter(({ event, type }) => event === "n" || type === "n")
    .map(({ data, attempt }) => (attempt === undefined ? `${data}` : `${data}#${attempt}`));
}

function result(messages: readonly Received[]): Received {
  const reply = messages.find(({ type }) => type === "reply");
  return (reply?.result ?? reply?.error) as Received;
}

const none = undefined as unknown as string;

async function deadLetters(t: TestCore) {
  const { letters: found } = await t.core.deadLetters.list(t.service, {});
  return found.map(({ reason, attempts, entry }) => [entry.data, reason, attempts]);
}

describe("[P-ACK-1] a durable subscriber", () => {
  test("[G11] starts at the head, and comes back to where its acks ended", async () => {
    await using t = core();
    await publish(t, 1, 3);
    const first = await open(t);
    const head = (await publish(t, 4))[0];
    expect(result(await subscribe(t, first, {}))).toEqual({
      channel: "job:a",
      position: head,
      recovered: false,
    });
    const positions = await publish(t, 5, 8);
    expect(delivered(first)).toEqual(["5", "6", "7", "8"]);
    await say(t, first, { type: "ack", position: positions[1] });
    first.drop();
    await publish(t, 9);
    const second = await open(t);
    // `since` was for the first time only.
    const answer = await subscribe(t, second, { since: "start" });
    expect(result(answer)).toEqual({ channel: "job:a", position: positions[1], recovered: true });
    expect([...deliveries(answer), ...delivered(second)]).toEqual(["7#2", "8#2", "9"]);
  });

  test("starts where its first subscribe says", async () => {
    await using t = core();
    const positions = await publish(t, 1, 6);
    const starts = [
      ["start", ["1", "2", "3", "4", "5", "6"]],
      [{ last: 2 }, ["5", "6"]],
      [positions[2], ["4", "5", "6"]],
      ["now", []],
    ] as const;
    for (const [i, [since, expected]] of starts.entries()) {
      const socket = await open(t);
      expect(deliveries(await subscribe(t, socket, { since, as: `w${i}` }))).toEqual(expected);
    }
  });

  test("is its owner's: another user and another name have their own place", async () => {
    await using t = core();
    const mine = await begin(t);
    const theirs = await open(t, "bob");
    await subscribe(t, theirs);
    const other = await begin(t, { as: "other" });
    const [position] = await publish(t, 1);
    expect([mine, theirs, other].map(delivered)).toEqual([["1"], ["1"], ["1"]]);
    await say(t, mine, { type: "ack", position });
    await t.clock.advance(firstWaitMs);
    expect([mine, theirs, other].map(delivered)).toEqual([[], ["1#2"], ["1#2"]]);
  });

  test("gets entries where others get a state", async () => {
    await using t = core();
    await publish(t, 1, 2, "state:a");
    const socket = await open(t);
    const answer = await subscribe(t, socket, { channel: "state:a", since: "start" });
    expect(result(answer)).not.toHaveProperty("snapshot");
    expect(deliveries(answer)).toEqual(["1", "2"]);
  });

  test("gets the events it names, and what it did not want needs no ack", async () => {
    await using t = core();
    const socket = await begin(t, { events: ["n"] });
    const [one] = await publish(t, 1);
    await t.publish("job:a", "other", 0);
    await publish(t, 2);
    expect(delivered(socket)).toEqual(["1", "2"]);
    await say(t, socket, { type: "ack", position: one });
    socket.drop();
    const again = await open(t);
    expect(deliveries(await subscribe(t, again, { events: ["n"] }))).toEqual(["2#2"]);
  });

  test("is refused where it may not read, has no owner, or has no name that can be one", async () => {
    await using t = core();
    const socket = await open(t);
    expect(result(await subscribe(t, socket, { channel: "user:bob" })).code).toBe("forbidden");
    for (const as of ["", "a:b", "a b", "x".repeat(65), 7]) {
      expect(result(await subscribe(t, socket, { as })).code).toBe("bad_message");
    }
    const nobody = t.connect({ principal: t.user(none, { grants }) });
    await t.clock.settle();
    nobody.take();
    expect(result(await subscribe(t, nobody)).code).toBe("forbidden");
    expect(result(await subscribe(t, socket)).recovered).toBe(false);
  });
});

describe("[P-ACK-2] an ack", () => {
  test("settles everything up to its position, once and for all", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 5);
    delivered(socket);
    await say(t, socket, { type: "ack", position: positions[3] });
    await say(t, socket, { type: "ack", position: positions[3] });
    await say(t, socket, { type: "ack", position: positions[1] });
    expect(socket.take()).toEqual([]);
    await t.clock.advance(firstWaitMs);
    expect(delivered(socket)).toEqual(["5#2"]);
  });

  test("with an id is answered once it is saved, with how far everything is settled", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 3);
    socket.take();
    await say(t, socket, { type: "ack", id: 7, position: positions[1] });
    expect(socket.take()).toEqual([
      { type: "reply", id: 7, result: { channel: "job:a", position: positions[1] } },
    ]);
    await say(t, socket, { type: "ack", id: 8, position: positions[0] });
    expect(result(socket.take()).position).toBe(positions[1]);
  });

  test("is answered only where it is wrong: of nothing that was delivered, or without a subscription", async () => {
    await using t = core();
    const socket = await begin(t);
    const [position] = await publish(t, 1);
    const elsewhere = (await t.publish("job:b", "n", 1)).position;
    socket.take();
    const forged = position?.replace(/[^.]*$/, "AAAAAAAA");
    await say(t, socket, { type: "ack", position: forged });
    await say(t, socket, {
      type: "nack",
      id: 3,
      position: position?.replace(".1.", ".9."),
      reason: "x",
    });
    await say(t, socket, { type: "ack", channel: "job:b", position: elsewhere });
    // Of a log that is gone: late, and harmless.
    await say(t, socket, { type: "ack", position: "other.1.aaaaaaaa" });
    expect(socket.take()).toMatchObject([
      { type: "reply", id: null, error: { code: "invalid_position" } },
      { type: "reply", id: 3, error: { code: "invalid_position" } },
      { type: "reply", id: null, error: { code: "not_subscribed" } },
    ]);
    await t.clock.advance(firstWaitMs);
    expect(delivered(socket)).toEqual(["1#2"]);
  });

  test("that came right before the connection went still counts", async () => {
    await using t = core();
    const socket = await begin(t);
    const [position] = await publish(t, 1);
    socket.send({ type: "ack", channel: "job:a", position });
    socket.drop();
    await t.clock.settle();
    expect(deliveries(await subscribe(t, await open(t)))).toEqual([]);
  });
});

describe("[P-ACK-3] an entry that was refused", () => {
  test("comes again by itself, and no later ack settles it", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 3);
    delivered(socket);
    await say(t, socket, { type: "nack", position: positions[0], reason: "busy" });
    await say(t, socket, { type: "ack", position: positions[2] });
    await t.clock.advance(900);
    expect(delivered(socket)).toEqual([]);
    await t.clock.advance(400);
    expect(delivered(socket)).toEqual(["1#2"]);
    const [four] = await publish(t, 4);
    await say(t, socket, { type: "ack", position: four });
    // Still the first's own: the ack of the fourth did not settle it.
    await pass(t, socket, 30_000);
    expect(delivered(socket)).toEqual(["4", "1#3"]);
    await say(t, socket, { type: "ack", id: 1, position: positions[0] });
    expect(result(socket.take()).position).toBe(four);
    await pass(t, socket, hourMs);
    expect(delivered(socket)).toEqual([]);
    expect(await deadLetters(t)).toEqual([]);
  });

  test("is settled alone by the ack that names it", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 2);
    delivered(socket);
    await say(t, socket, { type: "nack", position: positions[1], reason: "busy" });
    await say(t, socket, { type: "ack", position: positions[1] });
    await t.clock.advance(firstWaitMs);
    expect(delivered(socket)).toEqual(["1#2"]);
  });

  test("[G11] stays settled alone when its ack is repeated, or comes late", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 3);
    delivered(socket);
    await say(t, socket, { type: "nack", position: positions[1], reason: "busy" });
    for (let n = 0; n < 2; n++) await say(t, socket, { type: "ack", position: positions[1] });
    await say(t, socket, { type: "nack", position: positions[2], reason: "busy" });
    await t.clock.advance(firstWaitMs);
    expect(delivered(socket)).toEqual(["3#2", "1#2"]);
  });

  test("waits on where the connection is another: its retry is not the reconnect's", async () => {
    await using t = core();
    const socket = await begin(t);
    const [position] = await publish(t, 1);
    await say(t, socket, { type: "nack", position, reason: "busy" });
    socket.drop();
    const again = await open(t);
    expect(deliveries(await subscribe(t, again))).toEqual([]);
    await t.clock.advance(1_300);
    expect(delivered(again)).toEqual(["1#2"]);
  });
});

describe("[P-ACK-4] what is not acknowledged", () => {
  test("[G11] comes again after the wait of its channel, and each time after twice as long", async () => {
    await using t = core();
    const socket = await begin(t);
    await publish(t, 1);
    expect(delivered(socket)).toEqual(["1"]);
    await t.clock.advance(9_900);
    expect(delivered(socket)).toEqual([]);
    await t.clock.advance(2_200);
    expect(delivered(socket)).toEqual(["1#2"]);
    await t.clock.advance(19_000);
    expect(delivered(socket)).toEqual([]);
    await t.clock.advance(5_100);
    expect(delivered(socket)).toEqual(["1#3"]);
  });

  test("comes at once to the next connection, counted", async () => {
    await using t = core();
    const first = await begin(t);
    await publish(t, 1, 2);
    first.drop();
    const second = await open(t);
    expect(deliveries(await subscribe(t, second))).toEqual(["1#2", "2#2"]);
    second.drop();
    const third = await open(t);
    expect(deliveries(await subscribe(t, third))).toEqual(["1#3", "2#3"]);
  });

  test("is not delivered again where the ack came while that was being saved", async () => {
    const engine = new FaultyEngine();
    await using t = core({ engine: engine.factory });
    const socket = await begin(t);
    const [position] = await publish(t, 1);
    delivered(socket);
    engine.hold();
    await t.clock.advance(firstWaitMs);
    await say(t, socket, { type: "ack", position });
    engine.release();
    await t.clock.settle();
    expect(delivered(socket)).toEqual([]);
  });

  test("does not follow the wall clock", async () => {
    await using t = core();
    const socket = await begin(t);
    await publish(t, 1);
    delivered(socket);
    t.clock.jump(hourMs);
    await t.clock.advance(5_000);
    expect(delivered(socket)).toEqual([]);
    t.clock.jump(-2 * hourMs);
    await t.clock.advance(firstWaitMs - 5_000);
    expect(delivered(socket)).toEqual(["1#2"]);
  });
});

describe("[P-ACK-5] what is given up goes to the dead letters", () => {
  test("[G11] after the last delivery that nobody acknowledged, and the rest goes on", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 2);
    await say(t, socket, { type: "nack", position: positions[0], reason: "no such file" });
    await say(t, socket, { type: "ack", position: positions[1] });
    await pass(t, socket, 15_000);
    expect(delivered(socket)).toEqual(["1", "2", "1#2"]);
    await pass(t, socket, 300_000);
    expect(delivered(socket)).toEqual(["1#3"]);
    expect(await deadLetters(t)).toEqual([[1, "refused: no such file", 3]]);
    await say(t, socket, { type: "ack", id: 1, position: positions[1] });
    expect(result(socket.take()).position).toBe(positions[1]);
  });

  test("with the reason that nobody answered, also where each delivery was to another connection", async () => {
    await using t = core();
    for (let n = 0; n < 3; n++) {
      const socket = await begin(t);
      if (n === 0) await publish(t, 1);
      socket.drop();
    }
    const last = await begin(t);
    // The last delivery may still be acknowledged, as long as any may.
    expect(await deadLetters(t)).toEqual([]);
    await pass(t, last, 60_000);
    expect(delivered(last)).toEqual([]);
    expect(await deadLetters(t)).toEqual([[1, "not_acknowledged", 3]]);
  });

  test("once refused the last time, without a further wait", async () => {
    await using t = core();
    const socket = await begin(t);
    const [position] = await publish(t, 1);
    for (let n = 0; n < 3; n++) {
      await say(t, socket, { type: "nack", position, reason: `no ${n}` });
      await t.clock.advance(5_000);
    }
    expect(await deadLetters(t)).toEqual([[1, "refused: no 2", 3]]);
  });

  test("as expired where it is too old to be delivered, first or again", async () => {
    await using t = core();
    const socket = await begin(t);
    await publish(t, 1);
    socket.drop();
    await publish(t, 2);
    await t.clock.advance(25 * hourMs);
    await publish(t, 3);
    const again = await open(t);
    expect(deliveries(await subscribe(t, again))).toEqual(["3"]);
    expect(await deadLetters(t)).toEqual([
      [1, "expired", 1],
      [2, "expired", 0],
    ]);
  });

  test("nothing is lost where the store answers late", async () => {
    const engine = new FaultyEngine();
    await using t = core({ engine: engine.factory });
    const socket = await begin(t);
    await publish(t, 1);
    engine.isDown = true;
    await pass(t, socket, hourMs);
    engine.isDown = false;
    await pass(t, socket, 300_000);
    expect(delivered(socket)).toEqual(["1", "1#2", "1#3"]);
    expect(await deadLetters(t)).toEqual([[1, "not_acknowledged", 3]]);
  });
});

describe("a store that forgets its durable subscribers", () => {
  test("[G11] [P-ACK-6] their holder goes on: what was on its way comes, and an ack is saved", async () => {
    const engine = new FaultyEngine();
    await using t = core({ engine: engine.factory });
    const socket = await begin(t);
    const positions = await publish(t, 1, 3);
    socket.take();
    engine.forgetDurableSubscribers();
    await say(t, socket, { type: "ack", id: 2, position: positions[1] });
    expect(result(socket.take())).toEqual({ channel: "job:a", position: positions[1] });
    await publish(t, 4);
    expect(delivered(socket)).toEqual(["4"]);
    socket.drop();
    const next = await open(t);
    const answer = await subscribe(t, next);
    expect(result(answer)).toMatchObject({ position: positions[1], recovered: true });
    expect([...deliveries(answer), ...delivered(next)]).toEqual(["3#2", "4#2"]);
  });

  test("[G11] [P-ACK-8] with the log they go on in the new one, after a gap, and a letter says what was on its way", async () => {
    const engine = new FaultyEngine();
    await using t = core({ engine: engine.factory });
    const socket = await begin(t);
    await publish(t, 1, 2);
    socket.take();
    engine.forgetDurableSubscribers();
    await t.core.channels.purge(t.service, "job:a");
    await publish(t, 3, 4);
    const told = socket.take();
    expect(told.map(({ type }) => type)).toEqual(["gap", "event", "event"]);
    expect(told[0]).toMatchObject({ reason: "epoch_changed" });
    expect(await deadLetters(t)).toEqual([[undefined, "epoch_changed", 0]]);
  });

  test("[P-ACK-6] who claims it first afterwards has it", async () => {
    const engine = new FaultyEngine();
    await using t = core({ engine: engine.factory });
    const first = await begin(t);
    await publish(t, 1);
    first.take();
    engine.forgetDurableSubscribers();
    await t.clock.advance(10);
    const second = await open(t);
    await subscribe(t, second);
    await publish(t, 2);
    expect(first.take()).toMatchObject([{ type: "unsubscribed", reason: "taken_over" }]);
    expect(delivered(second)).toEqual(["2"]);
  });
});

describe("[P-ACK-6] one connection at a time holds a durable subscriber", () => {
  test("the next takes it over, and the one before is told and refused", async () => {
    await using t = core();
    const first = await begin(t);
    const positions = await publish(t, 1, 2);
    await say(t, first, { type: "ack", position: positions[0] });
    first.take();
    const second = await open(t);
    expect(deliveries(await subscribe(t, second))).toEqual(["2#2"]);
    expect(first.take()).toMatchObject([
      { type: "unsubscribed", channel: "job:a", position: positions[0], reason: "taken_over" },
    ]);
    await say(t, first, { type: "ack", id: 5, position: positions[1] });
    expect(first.take()).toMatchObject([{ id: 5, error: { code: "not_subscribed" } }]);
    await publish(t, 3);
    expect([first, second].map(delivered)).toEqual([[], ["3"]]);
    // It may come back, in its turn.
    expect(deliveries(await subscribe(t, first))).toEqual(["2#3", "3#2"]);
    expect(second.take()).toMatchObject([{ type: "unsubscribed", reason: "taken_over" }]);
  });

  test("an ack of the one before that was on its way is refused, also where it was not yet told", async () => {
    const engine = new FaultyEngine();
    engine.loses = ({ channel }) => channel.startsWith("gateway:");
    await using t = core({ engine: engine.factory });
    const first = await begin(t);
    const positions = await publish(t, 1, 2);
    const second = await begin(t);
    first.take();
    await say(t, first, { type: "ack", id: 5, position: positions[1] });
    expect(first.take()).toMatchObject([
      { type: "reply", id: 5, error: { code: "not_subscribed" } },
      { type: "unsubscribed", reason: "taken_over" },
    ]);
    await t.clock.advance(30_000);
    expect(delivered(second)).toEqual(["1#3", "2#3"]);
  });

  test("one that nobody told finds out by itself", async () => {
    const engine = new FaultyEngine();
    engine.loses = ({ channel }) => channel.startsWith("gateway:");
    await using t = core({ engine: engine.factory });
    const first = await begin(t);
    await begin(t);
    first.take();
    await t.clock.advance(31_000);
    expect(first.take()).toMatchObject([{ type: "unsubscribed", reason: "taken_over" }]);
  });
});

describe("[P-ACK-7] at most 1,000 entries", () => {
  test("are unsettled at a time; the rest waits in the log", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 1_300);
    expect(delivered(socket)).toHaveLength(1_000);
    await say(t, socket, { type: "ack", position: positions[249] });
    expect(delivered(socket)).toEqual(positions.slice(1_000, 1_250).map((_, i) => `${1_001 + i}`));
    await say(t, socket, { type: "ack", position: positions[1_249] });
    expect(delivered(socket)).toHaveLength(50);
  });

  test("nothing is merged or lost for a reader that reads slowly", async () => {
    await using t = core();
    const socket = await begin(t);
    socket.stall();
    const large = "x".repeat(200_000);
    for (let n = 0; n < 20; n++) await t.publish("job:a", "n", large);
    await t.clock.advance(1_000);
    expect(socket.bufferedBytes).toBeLessThan(1_048_576);
    expect(socket.closed).toBeUndefined();
    socket.resume();
    for (let n = 0; n < 20; n++) await t.clock.settle();
    expect(delivered(socket)).toHaveLength(20);
  });
});

describe("[P-ACK-8] what the log lost before it was delivered", () => {
  test("is a gap, and a letter for the whole of it", async () => {
    await using t = core();
    const first = await open(t);
    await subscribe(t, first, { channel: "few:a" });
    const [one] = await publish(t, 1, 2, "few:a");
    await say(t, first, { type: "ack", channel: "few:a", position: one });
    first.drop();
    const missed = await publish(t, 3, 12, "few:a");
    const second = await open(t);
    const answer = await subscribe(t, second, { channel: "few:a" });
    expect(result(answer)).toMatchObject({
      recovered: false,
      reason: "trimmed",
      position: missed[4],
    });
    expect(answer[1]).toMatchObject({ type: "gap", to: missed[4], reason: "trimmed" });
    expect(deliveries(answer)).toEqual(["8", "9", "10", "11", "12"]);
    const { letters: found } = await t.core.deadLetters.list(t.service, {});
    expect(found).toMatchObject([
      { reason: "trimmed", attempts: 0, entry: { since: one, position: missed[4] } },
    ]);
  });

  test("is a letter each where it was delivered and refused before", async () => {
    await using t = core();
    const socket = await open(t);
    await subscribe(t, socket, { channel: "few:a" });
    const [one] = await publish(t, 1, 1, "few:a");
    await say(t, socket, { type: "nack", channel: "few:a", position: one, reason: "busy" });
    let last: string | undefined;
    for (let n = 2; n < 9; n++) [last] = await publish(t, n, n, "few:a");
    await say(t, socket, { type: "ack", channel: "few:a", position: last });
    await t.clock.advance(2_000);
    expect(await deadLetters(t)).toEqual([[undefined, "trimmed", 1]]);
  });

  test("goes on in the new log when the old one is gone", async () => {
    await using t = core();
    const socket = await begin(t);
    const [one, two] = await publish(t, 1, 2);
    await say(t, socket, { type: "ack", position: one });
    socket.take();
    await t.core.channels.purge(t.service, "job:a");
    await publish(t, 3);
    await t.clock.advance(30_000);
    const messages = socket.take();
    expect(messages.find(({ type }) => type === "gap")).toMatchObject({
      from: two,
      reason: "epoch_changed",
    });
    expect(deliveries(messages)).toContain("3");
    const { letters: found } = await t.core.deadLetters.list(t.service, {});
    expect(found).toMatchObject([
      { reason: "epoch_changed", entry: { since: one, position: two } },
    ]);
  });

  test("a log that lost its tail brings again what was not settled", async () => {
    const engine = new FaultyEngine();
    await using t = core({ engine: engine.factory });
    const socket = await begin(t);
    const positions = await publish(t, 1, 4);
    await say(t, socket, { type: "ack", position: positions[1] });
    socket.drop();
    await engine.loseTail("job:a", 1);
    await publish(t, 5);
    const again = await open(t);
    const answer = await subscribe(t, again);
    expect(result(answer)).toMatchObject({ recovered: false, reason: "tag_mismatch" });
    expect(deliveries(answer)).toEqual(["3", "5"]);
  });
});

describe("[P-ACK-11] the end of the channel", () => {
  test("comes once everything before it is settled, and again to who comes back", async () => {
    await using t = core();
    const socket = await begin(t);
    const [one, two] = await publish(t, 1, 2);
    await t.core.channels.end(t.service, "job:a", "all done");
    await t.clock.settle();
    await say(t, socket, { type: "nack", position: one, reason: "busy" });
    await say(t, socket, { type: "ack", position: two });
    expect(delivered(socket)).toEqual(["1", "2"]);
    await t.clock.advance(1_300);
    expect(delivered(socket)).toEqual(["1#2"]);
    await say(t, socket, { type: "ack", position: one });
    const end = { type: "end", channel: "job:a", reason: "all done" };
    expect(socket.take()).toMatchObject([end]);
    const answer = await subscribe(t, socket);
    expect(result(answer)).toMatchObject({ position: two, recovered: true });
    expect(answer.slice(1)).toMatchObject([end]);
    socket.send({ type: "unsubscribe", id: 2, channel: "job:a" });
    await t.clock.settle();
    expect(result(socket.take())).toEqual({ channel: "job:a" });
  });
});

describe("[P-ACK-9] in the plain dialect", () => {
  test("an entry says its position, and its cursor names the other channels alone", async () => {
    await using t = core();
    const socket = await open(t, "ada", "plain");
    await subscribe(t, socket);
    const [position] = await publish(t, 1);
    expect(socket.take()).toMatchObject([{ type: "n", data: 1, position, event_id: "" }]);
    socket.send({ type: "subscribe", id: 2, channel: "job:b" });
    await t.clock.settle();
    const cursor = socket.take()[0]?.event_id;
    expect(cursor).toMatch(/^job:b@[^,]*$/);
    await t.clock.advance(firstWaitMs);
    expect(socket.take()).toMatchObject([{ data: 1, position, attempt: 2, event_id: cursor }]);
    await say(t, socket, { type: "ack", position });
    await pass(t, socket, hourMs);
    expect(socket.take().filter(({ type }) => type === "n")).toEqual([]);
  });
});
