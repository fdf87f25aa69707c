import { FaultyEngine, SeededRandom } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const channel = "job:a";
const grants = { subscribe: ["job:*"], publish: [] };
const granted = { subscribe: "granted", publish: "granted" } as const;
const durable = { ackWaitMs: 10_000, maxAttempts: 3 };
const retention = { maxEntries: 5_000, maxAgeMs: 3_600_000 };
const rules = [{ pattern: "job:*", ...granted, retention, durable }] as const;

function setUp() {
  const engine = new FaultyEngine();
  return { engine, t: testCore({ rules, engine: engine.factory }) };
}

async function subscribe(t: TestCore): Promise<{ socket: TestSocket; answer: Received[] }> {
  const socket = t.connect({ principal: t.user("ada", { grants }) });
  await t.clock.settle();
  socket.take();
  socket.send({ type: "subscribe", id: 1, channel, as: "worker" });
  await t.clock.settle();
  return { socket, answer: [...socket.take()] };
}

/** Publishes the numbers `from` to `to`, and returns the position of each by its number. */
async function publish(t: TestCore, from: number, to = from): Promise<Map<number, string>> {
  const positions = new Map<number, string>();
  for (let n = from; n <= to; n++) positions.set(n, (await t.publish(channel, "n", n)).position);
  await t.clock.settle();
  return positions;
}

async function ack(t: TestCore, socket: TestSocket, position: string | undefined) {
  socket.send({ type: "ack", id: 9, channel, position });
  await t.clock.settle();
}

/** Takes the deliveries since the last call, as `data` or `data#attempt`. */
function delivered(socket: TestSocket): string[] {
  return deliveries(socket.take());
}

function deliveries(messages: readonly Received[]): string[] {
  return messages
    .filter(({ event }) => event === "n")
    .map(({ data, attempt }) => (attempt === undefined ? `${data}` : `${data}#${attempt}`));
}

function numbers(from: number, to: number, suffix = ""): string[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => `${from + i}${suffix}`);
}

describe("[G11] [P-ACK-4] a durable subscriber of a log that lost its newest entries", () => {
  for (const lost of [1, 2, 63, 64, 65, 299, 300]) {
    for (const written of [0, 1, lost, lost + 70]) {
      test(`everything acknowledged, ${lost} of 300 lost, ${written} written at their offsets: only the new ones are delivered`, async () => {
        const { t, engine } = setUp();
        await using _ = t;
        const { socket } = await subscribe(t);
        const positions = await publish(t, 1, 300);
        expect(delivered(socket)).toHaveLength(300);
        await ack(t, socket, positions.get(300));
        socket.drop();
        await t.clock.settle();
        await engine.loseTail(channel, lost);
        await publish(t, 1_001, 1_000 + written);
        const back = await subscribe(t);
        expect(deliveries(back.answer)).toEqual(numbers(1_001, 1_000 + written));
        expect(back.answer[0]).toMatchObject({
          type: "reply",
          result: { recovered: false, reason: "tag_mismatch" },
        });
        await publish(t, 2_001);
        expect(delivered(back.socket)).toEqual(["2001"]);
        expect(await t.core.deadLetters.list(t.service, {})).toMatchObject({ letters: [] });
      });
    }
  }

  test("a connected durable subscriber receives only the new entries", async () => {
    const { t, engine } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    const positions = await publish(t, 1, 300);
    await ack(t, socket, positions.get(300));
    socket.take();
    await engine.loseTail(channel, 3);
    const written = await publish(t, 1_001, 1_005);
    const messages = socket.take();
    expect(deliveries(messages)).toEqual(numbers(1_001, 1_005));
    expect(messages[0]).toMatchObject({
      type: "gap",
      from: positions.get(300),
      to: positions.get(297),
      reason: "tag_mismatch",
    });
    await ack(t, socket, written.get(1_005));
    expect(socket.take()).toMatchObject([
      { type: "reply", id: 9, result: { position: written.get(1_005) } },
    ]);
  });

  test("entries that were acknowledged stay so at another node that continues the subscriber", async () => {
    const { t, engine } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    const positions = await publish(t, 1, 150);
    await ack(t, socket, positions.get(150));
    await engine.loseTail(channel, 20);
    await publish(t, 1_001, 1_002);
    // Each takeover begins with what the store holds.
    const second = await subscribe(t);
    expect(deliveries(second.answer)).toEqual(["1001#2", "1002#2"]);
    await engine.loseTail(channel, 1);
    await engine.loseTail(channel, 1);
    const third = await subscribe(t);
    expect(deliveries(third.answer)).toEqual([]);
  });

  test("entries that are still there and were not acknowledged come again with their attempt, and one dead letter names the lost ones", async () => {
    const { t, engine } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    const positions = await publish(t, 1, 20);
    await ack(t, socket, positions.get(10));
    socket.drop();
    await t.clock.settle();
    await engine.loseTail(channel, 5);
    await publish(t, 1_001, 1_007);
    const back = await subscribe(t);
    expect(deliveries(back.answer)).toEqual([...numbers(11, 15, "#2"), ...numbers(1_001, 1_007)]);
    const { letters } = await t.core.deadLetters.list(t.service, {});
    expect(letters).toMatchObject([
      {
        reason: "tag_mismatch",
        entry: { since: positions.get(15), position: positions.get(20) },
      },
    ]);
  });

  test("a refused entry keeps its retry while the entries after it are lost", async () => {
    const { t, engine } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    const positions = await publish(t, 1, 20);
    socket.send({ type: "nack", channel, position: positions.get(4), reason: "busy" });
    await ack(t, socket, positions.get(20));
    socket.take();
    await engine.loseTail(channel, 10);
    await publish(t, 1_001);
    expect(delivered(socket)).toEqual(["1001"]);
    await t.clock.advance(1_300);
    expect(delivered(socket)).toEqual(["4#2"]);
  });

  test("entries beyond the remembered tags may come again, and then carry an attempt", async () => {
    const { t, engine } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    for (let at = 0; at < 2_400; at += 800) {
      const positions = await publish(t, at + 1, at + 800);
      await ack(t, socket, positions.get(at + 800));
    }
    socket.drop();
    await t.clock.settle();
    await engine.loseTail(channel, 1_500);
    await publish(t, 9_001, 9_003);
    const back = await subscribe(t);
    const again = deliveries(back.answer);
    expect(again).toEqual([...numbers(1, 900, "#2"), ...numbers(9_001, 9_003, "#2")]);
    const written = await publish(t, 9_004);
    expect(delivered(back.socket)).toEqual(["9004"]);
    await ack(t, back.socket, written.get(9_004));
    back.socket.drop();
    await t.clock.settle();
    expect(deliveries((await subscribe(t)).answer)).toEqual([]);
  });

  test("a refused entry far behind is a known position as well: nothing before it comes again", async () => {
    const { t, engine } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    let refused: string | undefined;
    for (let at = 0; at < 2_400; at += 800) {
      const positions = await publish(t, at + 1, at + 800);
      if (at === 0) {
        refused = positions.get(500);
        socket.send({ type: "nack", channel, position: refused, reason: "busy" });
      }
      await ack(t, socket, positions.get(at + 800));
    }
    socket.take();
    await engine.loseTail(channel, 1_500);
    await publish(t, 9_001);
    expect(delivered(socket)).toEqual([...numbers(501, 900, "#2"), "9001#2"]);
    await t.clock.advance(1_300);
    expect(delivered(socket)).toEqual(["500#2"]);
  });

  test("after any mixture of publishes, acks, losses and reconnects, no acknowledged entry comes again and every kept one is delivered", async () => {
    for (let seed = 1; seed <= 25; seed++) await mixture(seed);
  });
});

/** Runs one durable subscriber through steps that the seed chooses, and compares each delivery with a model. */
async function mixture(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const below = (count: number) => Math.floor(random.fraction() * count);
  const { t, engine } = setUp();
  await using _ = t;
  let { socket } = await subscribe(t);
  let next = 1;
  let log: number[] = [];
  const positions = new Map<number, string>();
  const times = new Map<number, number>();
  const acked = new Set<number>();
  const take = (messages: readonly Received[]) => {
    for (const { event, data, attempt = 1 } of messages) {
      if (event !== "n") continue;
      const n = Number(data);
      expect(acked.has(n), `seed ${seed}: ${n} came again after its ack`).toBe(false);
      expect(attempt, `seed ${seed}: attempt of ${n}`).toBe((times.get(n) ?? 0) + 1);
      times.set(n, Number(attempt));
    }
  };
  for (let step = 0; step < 30; step++) {
    const what = below(5);
    if (what <= 1) {
      const count = 1 + below(90);
      for (const [n, position] of await publish(t, next, next + count - 1)) {
        positions.set(n, position);
        log.push(n);
      }
      next += count;
    } else if (what === 2 && log.length > 0) {
      const lost = 1 + below(Math.min(log.length, 120));
      await engine.loseTail(channel, lost);
      log = log.slice(0, -lost);
    } else if (what === 3) {
      socket.drop();
      await t.clock.settle();
      const back = await subscribe(t);
      socket = back.socket;
      // Within its attempts, every entry that waits is delivered to each connection again.
      take(back.answer);
    }
    take(socket.take());
    const waiting = log.filter((n) => times.has(n) && !acked.has(n));
    const last = waiting.at(-1 - below(Math.min(3, waiting.length)));
    if (last !== undefined && positions.has(last)) {
      await ack(t, socket, positions.get(last));
      const messages = socket.take();
      const reply = messages.find(({ type }) => type === "reply");
      if (reply?.error === undefined) for (const n of waiting) if (n <= last) acked.add(n);
      take(messages);
    }
  }
  await publish(t, next);
  log.push(next);
  take(socket.take());
  const missing = log.filter((n) => !times.has(n));
  expect(missing, `seed ${seed}: never delivered`).toEqual([]);
}

describe("[P-ACK-2] acks with another tag", () => {
  test("an ack or nack whose tag is not that of the delivered entry is refused, at the head and before it, settled or not", async () => {
    const { t } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    const positions = await publish(t, 1, 5);
    await ack(t, socket, positions.get(2));
    socket.take();
    for (const n of [5, 4, 2, 1]) {
      const position = positions.get(n)?.replace(/[^.]*$/, "AAAAAAAA");
      for (const message of [{ type: "ack" }, { type: "nack", reason: "busy" }]) {
        socket.send({ ...message, id: n, channel, position });
        await t.clock.settle();
        expect(socket.take()).toMatchObject([{ id: n, error: { code: "invalid_position" } }]);
      }
    }
    socket.drop();
    await t.clock.settle();
    expect(deliveries((await subscribe(t)).answer)).toEqual(numbers(3, 5, "#2"));
  });

  test("an ack of an entry that the log has lost is refused, and settles neither its successor nor the entries before it", async () => {
    const { t, engine } = setUp();
    await using _ = t;
    const { socket } = await subscribe(t);
    const positions = await publish(t, 1, 5);
    await engine.loseTail(channel, 1);
    await publish(t, 6);
    socket.take();
    await ack(t, socket, positions.get(5));
    expect(socket.take()).toMatchObject([{ id: 9, error: { code: "invalid_position" } }]);
    socket.drop();
    await t.clock.settle();
    expect(deliveries((await subscribe(t)).answer)).toEqual([...numbers(1, 4, "#2"), "6#2"]);
  });
});
