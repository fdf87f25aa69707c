import type { DeadLetterStore, Engine, EngineContext, SubscriberKey } from "@milepost/engine";
import { altered, FaultyEngine } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
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
/** Time after which the first wait for an acknowledgement has certainly ended, in milliseconds. */
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

/** Advances the clock by `ms` milliseconds while the peer answers pings. */
async function pass(t: TestCore, socket: TestSocket, ms: number) {
  for (let left = ms; left > 0; left -= 25_000) {
    await t.clock.advance(Math.min(left, 25_000));
    socket.pong();
  }
}

/** Takes the deliveries since the last call, as `data` or `data#attempt`. */
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

describe("[P-ACK-1] durable subscribers", () => {
  test("[G11] a new durable subscriber starts at the head, and resumes after its last ack when it reconnects", async () => {
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
    // `since` applies only to the first subscribe of a durable subscriber.
    const answer = await subscribe(t, second, { since: "start" });
    expect(result(answer)).toEqual({ channel: "job:a", position: positions[1], recovered: true });
    expect([...deliveries(answer), ...delivered(second)]).toEqual(["7#2", "8#2", "9"]);
  });

  test("a new durable subscriber starts at the since of its first subscribe", async () => {
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

  test("durable subscribers of different users, or with different names, each have their own position", async () => {
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

  test("a durable subscriber receives the entries themselves where other subscribers receive a snapshot", async () => {
    await using t = core();
    await publish(t, 1, 2, "state:a");
    const socket = await open(t);
    const answer = await subscribe(t, socket, { channel: "state:a", since: "start" });
    expect(result(answer)).not.toHaveProperty("snapshot");
    expect(deliveries(answer)).toEqual(["1", "2"]);
  });

  test("a durable subscriber receives only the events it names, and needs no ack for the others", async () => {
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

  test("a durable subscribe is refused without read permission, without a user or session, or with an invalid name", async () => {
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

describe("[P-ACK-2] acks of durable subscribers", () => {
  test("an ack settles everything up to its position, and repeated or earlier acks change nothing", async () => {
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

  test("an ack with an id is answered once it is saved, with the position up to which everything is settled", async () => {
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

  test("an ack without an id is answered only if its position was never delivered or its channel is not subscribed", async () => {
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
    // An ack of another epoch's position is treated as late and does no harm.
    await say(t, socket, { type: "ack", position: "other.1.aaaaaaaa" });
    expect(socket.take()).toMatchObject([
      { type: "reply", id: null, error: { code: "invalid_position" } },
      { type: "reply", id: 3, error: { code: "invalid_position" } },
      { type: "reply", id: null, error: { code: "not_subscribed" } },
    ]);
    await t.clock.advance(firstWaitMs);
    expect(delivered(socket)).toEqual(["1#2"]);
  });

  test("an ack that arrives right before its connection closes still counts", async () => {
    await using t = core();
    const socket = await begin(t);
    const [position] = await publish(t, 1);
    socket.send({ type: "ack", channel: "job:a", position });
    socket.drop();
    await t.clock.settle();
    expect(deliveries(await subscribe(t, await open(t)))).toEqual([]);
  });
});

describe("[P-ACK-3] refused entries of durable subscribers", () => {
  test("a refused entry is delivered again after a retry delay, and the ack of a later entry does not settle it", async () => {
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
    // The first entry is still unsettled: the ack of the fourth did not settle it.
    await pass(t, socket, 30_000);
    expect(delivered(socket)).toEqual(["4", "1#3"]);
    await say(t, socket, { type: "ack", id: 1, position: positions[0] });
    expect(result(socket.take()).position).toBe(four);
    await pass(t, socket, hourMs);
    expect(delivered(socket)).toEqual([]);
    expect(await deadLetters(t)).toEqual([]);
  });

  test("the ack of a refused entry settles that entry alone", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 2);
    delivered(socket);
    await say(t, socket, { type: "nack", position: positions[1], reason: "busy" });
    await say(t, socket, { type: "ack", position: positions[1] });
    await t.clock.advance(firstWaitMs);
    expect(delivered(socket)).toEqual(["1#2"]);
  });

  test("[G11] a repeated or late ack of a refused entry settles no earlier entry", async () => {
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

  test("a refused entry keeps its retry delay across a reconnect", async () => {
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

describe("[P-ACK-4] unacknowledged entries of durable subscribers", () => {
  test("[G11] an unacknowledged entry is delivered again after the channel's ack wait, which doubles each time", async () => {
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

  test("unacknowledged entries are delivered at once to the next connection, with their attempt counted", async () => {
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

  test("an ack that arrives while a redelivery is being saved prevents the redelivery", async () => {
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

  test("redelivery does not depend on the wall clock", async () => {
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

describe("[P-ACK-5] dead letters of durable subscribers", () => {
  test("[G11] an entry becomes a dead letter after its last unacknowledged delivery, and later entries are unaffected", async () => {
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

  test("an entry that three connections received and none acknowledged becomes a dead letter as not_acknowledged", async () => {
    await using t = core();
    for (let n = 0; n < 3; n++) {
      const socket = await begin(t);
      if (n === 0) await publish(t, 1);
      socket.drop();
    }
    const last = await begin(t);
    // The last delivery may still be acknowledged within the usual wait.
    expect(await deadLetters(t)).toEqual([]);
    await pass(t, last, 60_000);
    expect(delivered(last)).toEqual([]);
    expect(await deadLetters(t)).toEqual([[1, "not_acknowledged", 3]]);
  });

  test("an entry that is refused at its last attempt becomes a dead letter at once", async () => {
    await using t = core();
    const socket = await begin(t);
    const [position] = await publish(t, 1);
    for (let n = 0; n < 3; n++) {
      await say(t, socket, { type: "nack", position, reason: `no ${n}` });
      await t.clock.advance(5_000);
    }
    expect(await deadLetters(t)).toEqual([[1, "refused: no 2", 3]]);
  });

  test("an entry too old for its first or next delivery becomes a dead letter as expired", async () => {
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

  const ways = {
    "that nobody acknowledged": async (t, socket) => {
      await publish(t, 1);
      await pass(t, socket, 120_000);
    },
    "that was refused at its last attempt": async (t, socket) => {
      const [position] = await publish(t, 1);
      for (let n = 0; n < 3; n++) {
        await say(t, socket, { type: "nack", position, reason: "no" });
        await t.clock.advance(5_000);
      }
    },
    "that is too old for its first delivery": async (t, socket) => {
      socket.drop();
      await publish(t, 1);
      await t.clock.advance(25 * hourMs);
      await subscribe(t, await open(t));
    },
    "that is too old for its next delivery": async (t, socket) => {
      await publish(t, 1);
      socket.drop();
      await t.clock.advance(25 * hourMs);
      await subscribe(t, await open(t));
    },
    "that the log has lost from its end": async (t, socket, engine) => {
      await publish(t, 1);
      socket.drop();
      await engine.loseTail("job:a", 1);
      await subscribe(t, await open(t));
    },
    "whose log was purged": async (t, socket) => {
      await publish(t, 1);
      socket.drop();
      await t.core.channels.purge(t.service, "job:a");
      await subscribe(t, await open(t));
    },
  } satisfies Record<string, (t: TestCore, s: TestSocket, engine: FaultyEngine) => Promise<void>>;

  for (const [what, lose] of Object.entries(ways)) {
    test(`[G11] an entry ${what} is settled only once its dead letter is stored`, async () => {
      const engine = new FaultyEngine();
      let isBroken = true;
      let made: Engine | undefined;
      const factory = (context: EngineContext) => {
        const whole = engine.factory(context);
        const deadLetters = altered<DeadLetterStore>(whole.deadLetters, {
          put: async (letter, bounds) => {
            if (isBroken) throw new MilepostError("store_unavailable", "no dead letters now");
            return whole.deadLetters.put(letter, bounds);
          },
        });
        made = { ...whole, deadLetters };
        return made;
      };
      await using t = core({ engine: factory });
      const socket = await begin(t);
      const key: SubscriberKey = { channel: "job:a", owner: "user:ada", name: "worker" };
      const before = await made?.durable.get(key);
      await lose(t, socket, engine);
      const state = await made?.durable.get(key);
      const isWaiting = state?.pending.length === 1 || state?.sent.offset === before?.sent.offset;
      expect(isWaiting, JSON.stringify(state)).toBe(true);
      isBroken = false;
      await subscribe(t, await open(t));
      await t.clock.advance(firstWaitMs);
      const after = await made?.durable.get(key);
      expect(after?.pending).toEqual([]);
      expect(await deadLetters(t)).toHaveLength(1);
    });
  }

  test("no entry of a durable subscriber is lost during an outage of the store", async () => {
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

describe("a store that loses its durable subscribers", () => {
  test("[G11] [P-ACK-6] a holder continues after the store lost its claim: entries are delivered and acks are saved", async () => {
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

  test("[G11] [P-ACK-8] a holder whose claim and log are lost reports a gap, writes a dead letter and continues in the new log", async () => {
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

  test("[P-ACK-6] after the store lost the claim, the first connection to claim the subscriber holds it", async () => {
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

describe("[P-ACK-6] takeover of a durable subscriber", () => {
  test("a second connection takes over a durable subscriber; the first is notified and its acks are refused", async () => {
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
    // The first connection may take the subscriber over again.
    expect(deliveries(await subscribe(t, first))).toEqual(["2#3", "3#2"]);
    expect(second.take()).toMatchObject([{ type: "unsubscribed", reason: "taken_over" }]);
  });

  test("an ack of the previous holder is refused even before that holder is notified of the takeover", async () => {
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

  test("a previous holder that misses the takeover signal notices the takeover at its next refresh", async () => {
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

describe("[P-ACK-7] at most 1,000 unsettled entries", () => {
  test("a durable subscriber has at most 1,000 unsettled entries, and the rest wait in the log", async () => {
    await using t = core();
    const socket = await begin(t);
    const positions = await publish(t, 1, 1_300);
    expect(delivered(socket)).toHaveLength(1_000);
    await say(t, socket, { type: "ack", position: positions[249] });
    expect(delivered(socket)).toEqual(positions.slice(1_000, 1_250).map((_, i) => `${1_001 + i}`));
    await say(t, socket, { type: "ack", position: positions[1_249] });
    expect(delivered(socket)).toHaveLength(50);
  });

  test("entries for a slow durable subscriber are neither merged nor lost", async () => {
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

describe("[P-ACK-8] entries the log lost before their delivery", () => {
  test("entries trimmed before their delivery are reported as one gap and recorded as one dead letter", async () => {
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

  test("an entry that was refused and then trimmed becomes a dead letter of its own", async () => {
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

  test("a durable subscriber whose log was purged reports a gap and continues in the new log", async () => {
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

  test("a durable subscriber whose log lost its newest entries receives its unsettled entries again, and a dead letter names the lost one", async () => {
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
    expect(deliveries(answer)).toEqual(["3#2", "5"]);
    const { letters } = await t.core.deadLetters.list(t.service, {});
    expect(letters).toMatchObject([
      { reason: "tag_mismatch", entry: { since: positions[2], position: positions[3] } },
    ]);
  });
});

describe("[P-ACK-11] the end of a channel for durable subscribers", () => {
  test("the end of a channel is delivered to a durable subscriber once all entries are settled, and again after a reconnect", async () => {
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

describe("[P-ACK-9] durable subscribers in the plain dialect", () => {
  test("in the plain dialect an entry for a durable subscriber has its position, and its cursor names only other channels", async () => {
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

test("[P-STORE-7] a user may have a bounded number of durable subscribers over all channels, and uses known ones again", async () => {
  await using t = core({ limits: { maxDurableNames: 3 } });
  const socket = await open(t);
  const begin = async (channel: string, as: string, id: number) => {
    socket.send({ type: "subscribe", id, channel, as });
    await t.clock.settle();
    const [reply] = socket.take();
    socket.send({ type: "unsubscribe", id: id + 100, channel });
    await t.clock.settle();
    socket.take();
    return reply;
  };
  expect(await begin("job:a", "one", 1)).toHaveProperty("result");
  expect(await begin("job:a", "two", 2)).toHaveProperty("result");
  expect(await begin("job:b", "one", 3)).toHaveProperty("result");
  expect(await begin("job:b", "two", 4)).toMatchObject({
    error: { code: "too_many_subscriptions", message: expect.stringContaining("3 durable") },
  });
  expect(await begin("job:a", "two", 5)).toHaveProperty("result");
  const other = await open(t, "eve");
  expect(await subscribe(t, other)).toMatchObject([{ type: "reply", result: {} }]);
});
