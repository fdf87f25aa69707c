import { parsePosition } from "@milepost/protocol";
import { expect, test } from "vitest";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const retention = { maxEntries: 10_000, maxAgeMs: 3_600_000 };
const open = { subscribe: "authenticated", publish: "granted", retention } as const;
const rules = [
  { pattern: "state:*", ...open, merge: { s: { class: "state", by: "k" } } },
  { pattern: "text:*", ...open, merge: { "*": "text" }, priority: "low" },
  { pattern: "alarm:*", ...open, priority: "high" },
  { pattern: "log:*", ...open },
] as const;

async function reading(
  t: TestCore,
  channels: readonly string[],
  dialect: "json" | "plain" = "json",
): Promise<TestSocket> {
  const socket = t.connect({ principal: t.reader(), channels }, dialect);
  await t.clock.settle();
  socket.take();
  return socket;
}

/** Stops a socket from reading and fills its transport. */
async function fill(t: TestCore, socket: TestSocket, channel: string): Promise<void> {
  socket.stall();
  await t.publish(channel, "fill", "x".repeat(highWaterBytes));
  await t.clock.settle();
  // This entry arrives while the transport is full, so the send queue begins to hold entries.
  await t.publish(channel, "fill", "");
  await t.clock.settle();
}

async function drained(t: TestCore, socket: TestSocket): Promise<readonly Received[]> {
  await t.clock.settle();
  socket.resume();
  await t.clock.settle();
  return socket.take().filter(({ event, type }) => event !== "fill" && type !== "fill");
}

function offset(position: unknown): number | undefined {
  const read = parsePosition(position);
  return read.ok ? read.value.offset : undefined;
}

test("[P-OUT-1] a reader that keeps up gets every entry, even while entries of the same channel are merged for another", async () => {
  await using t = testCore({ rules });
  const [fast, slow] = [await reading(t, ["state:a"]), await reading(t, ["state:a"])];
  await fill(t, slow, "state:a");
  for (let n = 0; n < 50; n++) {
    await t.publish("state:a", "s", { k: 1, n });
    if (n % 7 === 0) await t.clock.settle();
  }
  await t.clock.settle();
  const all = fast.take().filter(({ event }) => event === "s");
  expect(all.map(({ data }) => (data as { n: number }).n)).toEqual([...Array(50).keys()]);
  expect(all.filter(({ since }) => since !== undefined)).toEqual([]);
  const merged = await drained(t, slow);
  expect(merged).toMatchObject([{ event: "s", data: { k: 1, n: 49 } }]);
  expect([offset(merged[0]?.since), offset(merged[0]?.position)]).toEqual([2, 52]);
  // The slow reader has caught up, so it again receives the bytes that are encoded once for all subscribers.
  await t.publish("state:a", "s", { k: 1, n: 50 });
  await t.publish("state:a", "s", { k: 1, n: 51 });
  await t.clock.settle();
  expect(slow.take()).toEqual(fast.take());
});

test("[P-OUT-4] in the plain dialect the event_id advances, and names for each channel the last entry that was sent", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["text:a", "alarm:a"], "plain");
  await fill(t, socket, "text:a");
  for (const append of ["a", "b", "c"]) await t.publish("text:a", "t", { append });
  await t.publish("alarm:a", "fire", 1);
  await t.clock.settle();
  const [alarm, text] = await drained(t, socket);
  expect(alarm).toMatchObject({ type: "fire" });
  expect(text).toMatchObject({ type: "t", data: { append: "abc" } });
  expect(places(alarm)).toEqual({ "text:a": 2, "alarm:a": 1 });
  expect(places(text)).toEqual({ "text:a": 5, "alarm:a": 1 });
});

function places(message: Received | undefined): Record<string, number | undefined> {
  const parts = String(message?.event_id).split(",");
  return Object.fromEntries(
    parts.map((part) => {
      const [channel = "", position] = part.split("@");
      return [channel, offset(position)];
    }),
  );
}

test("[P-OUT-2] the most urgent channel is sent first, and each channel keeps its own order", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["log:a", "text:a", "alarm:a"]);
  await fill(t, socket, "log:a");
  for (let n = 0; n < 4; n++) {
    await t.publish("text:a", "t", { append: `${n}`, n });
    await t.publish("log:a", "n", n);
    await t.publish("alarm:a", "n", n);
    await t.clock.settle();
  }
  const seen = (await drained(t, socket)).map(({ channel, data }) => [
    channel,
    typeof data === "object" ? (data as { n: number }).n : data,
  ]);
  const order = ["alarm:a", "log:a", "text:a"].flatMap((channel) =>
    [0, 1, 2, 3].map((n) => [channel, n]),
  );
  expect(seen).toEqual(order);
});

test("[P-OUT-2] entries before an urgent one of their channel are sent with it, and an entry with low priority waits", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["log:a", "log:b", "log:c"]);
  await fill(t, socket, "log:c");
  const publish = (channel: string, n: number, priority?: "low") =>
    t.core.channels.publish(t.service, channel, "n", n, priority === undefined ? {} : { priority });
  await publish("log:c", 1, "low");
  await t.clock.settle();
  await publish("log:a", 2);
  await publish("log:b", 3);
  const grants = { subscribe: [], publish: ["log:*"] };
  const publisher = t.connect({ principal: t.user("bob", { grants }) });
  const urgent = { type: "publish", channel: "log:b", event: "n", data: 4, priority: "high" };
  publisher.send({ ...urgent, id: 1 });
  await t.clock.settle();
  expect(publisher.take().at(-1)).toMatchObject({ id: 1, result: { duplicate: false } });
  await publish("log:b", 5);
  await t.clock.settle();
  expect((await drained(t, socket)).map(({ data }) => data)).toEqual([3, 4, 5, 2, 1]);
  const wrong = t.core.channels.publish(t.service, "log:a", "n", 1, {
    priority: "urgent" as "high",
  });
  await expect(wrong).rejects.toMatchObject({ code: "bad_message" });
});

test("[P-OUT-6] replies are sent before held entries, and a gap is sent after the held entries of its channel", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["log:a"]);
  await fill(t, socket, "log:a");
  await t.publish("log:a", "n", 1);
  await t.clock.settle();
  socket.send({ type: "ping", id: 7 });
  await t.core.channels.purge(t.service, "log:a");
  await t.publish("log:a", "n", 2);
  await t.clock.settle();
  socket.send({ type: "ping", id: 8 });
  await t.publish("log:a", "n", 3);
  await t.clock.settle();
  const seen = (await drained(t, socket)).map(({ type, id, data }) => data ?? id ?? type);
  expect(seen).toEqual([7, 1, "gap", 8, 2, 3]);
});

test("[P-SUB-6] unsubscribing drops the held entries of the channel", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["log:a", "log:b"]);
  await fill(t, socket, "log:a");
  await t.publish("log:a", "n", 1);
  await t.publish("log:b", "n", 2);
  await t.clock.settle();
  socket.send({ type: "unsubscribe", id: 1, channel: "log:a" });
  await t.clock.settle();
  expect((await drained(t, socket)).map(({ type, data }) => data ?? type)).toEqual(["reply", 2]);
});

test("[P-OUT-7] [G7] mergeable entries never overflow a send queue; others close the connection at the limit; a resume then works", async () => {
  await using t = testCore({ rules });
  const limit = t.core.limits.maxSendQueueBytes;
  const merging = await reading(t, ["state:a"]);
  await fill(t, merging, "state:a");
  const data = "x".repeat(10_000);
  for (let n = 0; n < 1_000; n++) {
    await t.publish("state:a", "s", { k: n % 3, n, data });
    if (n % 20 === 0) await t.clock.settle();
  }
  expect(merging.closed).toBeUndefined();
  expect((await drained(t, merging)).map(({ data }) => (data as { n: number }).n)).toEqual([
    997, 998, 999,
  ]);

  const keeping = await reading(t, ["log:a"]);
  await fill(t, keeping, "log:a");
  let sent = 0;
  while (keeping.closed === undefined && sent < 1_000) {
    await t.publish("log:a", "n", { n: sent++, data });
    await t.clock.settle();
  }
  expect(keeping.closed).toMatchObject({ code: 4002 });
  expect(sent * data.length).toBeLessThan(limit);
  expect(sent * data.length).toBeGreaterThan(limit / 2);
  keeping.resume();
  const position = keeping.received().findLast(({ position }) => position !== undefined)?.position;
  const again = t.connect({ principal: t.user("ada") });
  again.send({ type: "subscribe", id: 1, channel: "log:a", since: position });
  await t.clock.settle();
  const missed = again.take().filter(({ event }) => event === "n");
  expect(missed.map(({ data }) => (data as { n: number }).n)).toEqual([...Array(sent).keys()]);
});

test("[P-OUT-3] a reader that disconnects in the middle of merged entries resumes where it stopped and misses nothing", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["text:a"]);
  await fill(t, socket, "text:a");
  let text = "";
  for (let n = 0; n < 60; n++) {
    const append = `${n},`.repeat(1_000);
    text += append;
    await t.publish("text:a", "t", { append });
    if (n % 10 === 9) await t.publish("text:a", "mark", n);
  }
  await t.clock.settle();
  const merged = await drained(t, socket);
  expect(merged.length).toBeLessThan(30);
  for (const [i, { position }] of merged.entries()) {
    const again = t.connect({ principal: t.reader() });
    again.send({ type: "subscribe", id: 1, channel: "text:a", since: position });
    await t.clock.settle();
    const whole = [...merged.slice(0, i + 1), ...again.received()];
    const pieces = whole.map(({ data }) => (data as { append?: string } | undefined)?.append ?? "");
    expect(pieces.join("")).toBe(text);
  }
});

test("[P-OUT-2] [P-SUB-9] a gap arrives after the entries that waited in front of it", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["log:a"]);
  await fill(t, socket, "log:a");
  for (let n = 0; n < 3; n++) await t.publish("log:a", "n", n);
  await t.clock.settle();
  await t.core.channels.purge(t.service, "log:a");
  await t.publish("log:a", "n", 3);
  const told = (await drained(t, socket)).map(({ type, data }) => (type === "gap" ? type : data));
  expect(told).toEqual([0, 1, 2, "gap", 3]);
});

test("[P-SUB-6] entries that wait for a slow reader do not arrive after its unsubscribe", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["log:a"]);
  await fill(t, socket, "log:a");
  for (let n = 0; n < 3; n++) await t.publish("log:a", "n", n);
  await t.clock.settle();
  socket.send({ type: "unsubscribe", id: 1, channel: "log:a" });
  const told = await drained(t, socket);
  expect(told.filter(({ type }) => type === "event")).toEqual([]);
  expect(told).toMatchObject([{ type: "reply", id: 1, result: { channel: "log:a" } }]);
});

test("[P-POS-2] the cursor of a plain-dialect client does not carry its durable subscriptions", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, ["log:a"], "plain");
  socket.send({ type: "subscribe", id: 1, channel: "log:b", as: "mailer" });
  await t.clock.settle();
  socket.take();
  await t.publish("log:b", "n", 1);
  await t.publish("log:a", "n", 1);
  await t.clock.settle();
  const cursors = socket.take().map(({ event_id }) => String(event_id));
  expect(cursors).toHaveLength(2);
  for (const cursor of cursors) expect(cursor).toMatch(/^log:a@[^,]+$/);
});
