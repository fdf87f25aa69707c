import { parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import {
  highRates,
  type Received,
  type TestCore,
  type TestSocket,
  testCore,
} from "../testing/index.ts";

const retention = { maxEntries: 10_000, maxAgeMs: 3_600_000 };
const open = { subscribe: "authenticated", publish: "granted", retention } as const;
const rules = [
  { pattern: "state:*", ...open, merge: { s: { class: "state", by: "k" } } },
  { pattern: "text:*", ...open, merge: { "*": "text" } },
  { pattern: "short:*", ...open, retention: { maxEntries: 3, maxAgeMs: 3_600_000 } },
  { pattern: "log:*", ...open },
] as const;

const periodMs = 1_000;

async function summarised(
  t: TestCore,
  channel: string,
  more: Record<string, unknown> = {},
): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada") });
  socket.send({ type: "subscribe", id: 1, channel, summary_ms: periodMs, ...more });
  await t.clock.settle();
  expect(socket.take().slice(0, 2)).toMatchObject([{ type: "welcome" }, { type: "reply", id: 1 }]);
  return socket;
}

async function publish(t: TestCore, channel: string, event: string, ...all: unknown[]) {
  for (const data of all) await t.publish(channel, event, data);
  await t.clock.settle();
}

const data = (messages: readonly Received[]) => messages.map((message) => message.data);

function offsets({ since, position }: Received) {
  return [since, position].map((text) => {
    const read = parsePosition(text);
    return read.ok ? read.value.offset : undefined;
  });
}

describe("[P-OUT-8] a subscription with summary_ms", () => {
  test("a summary delivers the first change at once, then at most one batch per period, and always the last change", async () => {
    await using t = testCore({ rules });
    const socket = await summarised(t, "state:a");
    const shown: unknown[] = [];
    let deliveries = 0;
    for (let n = 1; n <= 95; n++) {
      await publish(t, "state:a", "s", { k: "x", n });
      const { writes } = socket;
      await t.clock.advance(100);
      const arrived = socket.take();
      if (n === 1) expect(arrived).toMatchObject([{ data: { n: 1 } }]);
      if (arrived.length > 0) deliveries++;
      expect(socket.writes - writes).toBeLessThanOrEqual(1);
      shown.push(...data(arrived));
    }
    await t.clock.advance(2 * periodMs);
    shown.push(...data(socket.take()));
    expect(shown.at(-1)).toEqual({ k: "x", n: 95 });
    expect(deliveries).toBeGreaterThanOrEqual(9);
    expect(deliveries).toBeLessThanOrEqual(11);
    // After a quiet period a change is delivered at once again.
    await publish(t, "state:a", "s", { k: "x", n: 96 });
    expect(data(socket.take())).toEqual([{ k: "x", n: 96 }]);
  });

  test("a summary merges waiting entries by the rule's merge classes, and each merged entry names the span of offsets it covers", async () => {
    await using t = testCore({ rules });
    const socket = await summarised(t, "state:a");
    await publish(t, "state:a", "s", { k: 1, n: 0 });
    socket.take();
    await publish(
      t,
      "state:a",
      "s",
      { k: 1, n: 1 },
      { k: 2, n: 2 },
      { k: 1, n: 3 },
      { k: 1, n: 4 },
    );
    expect(socket.take()).toEqual([]);
    await t.clock.advance(periodMs + 50);
    const merged = socket.take();
    expect(data(merged)).toEqual([
      { k: 2, n: 2 },
      { k: 1, n: 4 },
    ]);
    expect(merged.map(offsets)).toEqual([
      [1, 3],
      [3, 5],
    ]);
  });

  test("[P-OUT-5] a summary drops no lifecycle entry and delays none by more than the period", async () => {
    await using t = testCore({ rules });
    const socket = await summarised(t, "log:a");
    await publish(t, "log:a", "l", 0);
    expect(data(socket.take())).toEqual([0]);
    await publish(t, "log:a", "l", ...Array.from({ length: 1_000 }, (_, n) => n + 1));
    const { writes } = socket;
    expect(socket.take()).toEqual([]);
    await t.clock.advance(periodMs + 50);
    expect(data(socket.take())).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
    expect(socket.writes - writes).toBeLessThanOrEqual(3);
  });

  test("a summary does not change what other subscribers of the channel receive", async () => {
    await using t = testCore({ rules });
    const socket = await summarised(t, "state:a");
    const other = t.connect({ principal: t.user("bob"), channels: ["state:a"] });
    await t.clock.settle();
    other.take();
    await publish(t, "state:a", "s", { n: 1 }, { n: 2 }, { n: 3 });
    expect(data(other.take())).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await t.clock.advance(periodMs + 50);
    expect(data(socket.take()).at(-1)).toEqual({ n: 3 });
  });

  test("a summary with an event filter ignores events that its subscription does not ask for", async () => {
    await using t = testCore({ rules });
    const socket = await summarised(t, "state:a", { events: ["s"] });
    await publish(t, "state:a", "other", 1, 2);
    expect(socket.take()).toEqual([]);
    await publish(t, "state:a", "s", { k: 1 });
    expect(data(socket.take())).toEqual([{ k: 1 }]);
    await publish(t, "state:a", "other", 3);
    await publish(t, "state:a", "s", { k: 2 }, { k: 2, n: 2 });
    await publish(t, "state:a", "other", 4);
    await t.clock.advance(periodMs + 50);
    expect(data(socket.take())).toEqual([{ k: 2, n: 2 }]);
  });
});

test.each([99, 60_001, 1_000.5, "1000", null])(
  "[P-OUT-8] a subscribe with summary_ms %j is refused with bad_message",
  async (summary_ms) => {
    await using t = testCore({ rules });
    const socket = t.connect({ principal: t.user("ada") });
    socket.send({ type: "subscribe", id: 1, channel: "log:a", summary_ms });
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ id: 1, error: { code: "bad_message" } });
  },
);

test("[P-OUT-8] a durable subscriber with summary_ms is refused, because it acknowledges each entry", async () => {
  await using t = testCore({ rules });
  const socket = t.connect({ principal: t.user("ada") });
  socket.send({ type: "subscribe", id: 1, channel: "log:a", as: "mine", summary_ms: periodMs });
  await t.clock.settle();
  expect(socket.take().at(-1)).toMatchObject({ id: 1, error: { code: "not_supported" } });
});

test("[P-OUT-9] an entry that waits for the end of a period does not count as delivered, and a resume delivers it", async () => {
  await using t = testCore({ rules });
  const socket = await summarised(t, "log:a");
  await publish(t, "log:a", "l", 1);
  const [first] = socket.take();
  await publish(t, "log:a", "l", 2, 3);
  socket.drop();
  const again = await summarised(t, "log:a", { since: first?.position });
  await t.clock.settle();
  expect(data(again.received().filter(({ type }) => type === "event"))).toEqual([2, 3]);
});

test("[P-OUT-9] the cursor sent to a plain-dialect client never passes entries that wait in a summary, even in a message of another channel", async () => {
  await using t = testCore({ rules });
  const socket = t.connect({ principal: t.user("ada"), channels: ["log:b"] }, "plain");
  socket.send({ type: "subscribe", id: 1, channel: "log:a", summary_ms: periodMs });
  await t.clock.settle();
  await publish(t, "log:a", "l", 1, 2);
  await publish(t, "log:a", "l", 3);
  socket.take();
  await publish(t, "log:b", "l", "b");
  const [message] = socket.take();
  expect(message).toMatchObject({ data: "b" });
  expect(placeOf(message, "log:a")).toBe(2);
  await t.clock.advance(periodMs + 50);
  expect(placeOf(socket.take().at(-1), "log:a")).toBe(3);
});

test("[P-OUT-9] no entry of a summary arrives after the reply to unsubscribe", async () => {
  await using t = testCore({ rules });
  const socket = await summarised(t, "log:a");
  await publish(t, "log:a", "l", 1);
  await publish(t, "log:a", "l", 2);
  socket.take();
  socket.send({ type: "unsubscribe", id: 2, channel: "log:a" });
  await t.clock.settle();
  await t.clock.advance(2 * periodMs);
  expect(socket.take()).toMatchObject([{ type: "reply", id: 2 }]);
});

test("[P-OUT-9] a gap arrives after the entries that waited in a summary", async () => {
  await using t = testCore({ rules });
  const socket = await summarised(t, "short:a");
  await publish(t, "short:a", "l", 1);
  socket.take();
  await publish(t, "short:a", "l", 2);
  expect(socket.take()).toEqual([]);
  await t.core.channels.purge(t.service, "short:a");
  await publish(t, "short:a", "l", "new");
  await t.clock.advance(60_000);
  const told = socket.take();
  expect(told.map(({ type, data: value }) => value ?? type)).toEqual([2, "gap", "new"]);
});

test("[P-OUT-9] an unsubscribed message for a summary names the position of the last entry that was sent", async () => {
  await using t = testCore({ rules });
  const principal = t.user("ada", { grants: { subscribe: ["free:*"], publish: [] } });
  const socket = t.connect({ principal });
  socket.send({ type: "subscribe", id: 1, channel: "free:a", summary_ms: periodMs });
  await t.clock.settle();
  await publish(t, "free:a", "l", 1);
  const sent = socket.take().at(-1);
  await publish(t, "free:a", "l", 2);
  // The new token does not allow the channel.
  socket.send({ type: "auth", id: 2, token: t.token(t.user("ada")) });
  await t.clock.settle();
  expect(socket.take()).toMatchObject([
    { type: "unsubscribed", position: sent?.position },
    { id: 2 },
  ]);
});

test("[P-OUT-9] the end of a channel is not delayed by a summary, and arrives after the entries that waited", async () => {
  await using t = testCore({ rules });
  const socket = await summarised(t, "log:a");
  await publish(t, "log:a", "l", 1);
  await publish(t, "log:a", "l", 2, 3);
  socket.take();
  await t.core.channels.end(t.service, "log:a", "over");
  await t.clock.settle();
  const told = socket.take();
  expect(told.map(({ type, data: value }) => value ?? type)).toEqual([2, 3, "end"]);
});

test("[P-OUT-10] a slow reader with a summary receives entries merged by the summary and by the send queue", async () => {
  await using t = testCore({ rules, limits: highRates });
  const socket = await summarised(t, "text:a");
  await publish(t, "text:a", "t", { append: "a" });
  socket.take();
  socket.stall();
  await publish(t, "text:a", "fill", { append: "x".repeat(60_000) });
  await t.clock.advance(periodMs + 50);
  // Fills the transport, so that later entries have to wait.
  const other = { type: "request", id: 9, method: "none" };
  while (socket.bufferedBytes <= highWaterBytes) {
    socket.send({ ...other, method: "x".repeat(100) });
    await t.clock.settle();
  }
  for (let round = 0; round < 5; round++) {
    await publish(t, "text:a", "t", { append: `${round}` }, { append: "." });
    await t.clock.advance(periodMs + 50);
  }
  socket.resume();
  await t.clock.advance(periodMs + 50);
  const texts = socket.take().filter(({ event }) => event === "t");
  // The first batch was queued before the send queue began to hold entries back, so it is not merged with the
  // others.
  expect(data(texts)).toEqual([{ append: "0." }, { append: "1.2.3.4." }]);
});

test("[P-OUT-10] a summary is delivered early once it holds more than a quarter of the send queue's limit", async () => {
  await using t = testCore({ rules, limits: { maxSendQueueBytes: 400_000 } });
  const socket = await summarised(t, "log:a", { summary_ms: 60_000 });
  await publish(t, "log:a", "l", 0);
  socket.take();
  const entry = "x".repeat(10_000);
  for (let n = 0; n < 100; n++) await publish(t, "log:a", "l", entry);
  const early = socket.take().length;
  expect(early).toBeGreaterThan(80);
  expect(socket.closed).toBeUndefined();
  await t.clock.advance(60_050);
  expect(socket.take().length).toBe(100 - early);
});

function placeOf(message: Received | undefined, channel: string): number | undefined {
  const places = String(message?.event_id).split(",");
  const place = places.find((text) => text.startsWith(`${channel}@`))?.split("@")[1];
  const read = parsePosition(place);
  return read.ok ? read.value.offset : undefined;
}
