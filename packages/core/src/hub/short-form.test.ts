import { expect, test } from "vitest";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";
import { ChannelNumbers } from "./channel-numbers.ts";
import { positionCheckMs } from "./hub.ts";

const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const open = { subscribe: "authenticated", publish: "granted", retention } as const;
const rules = [
  { pattern: "text:*", ...open, merge: { "*": "text" } },
  { pattern: "log:*", ...open },
] as const;

async function reading(
  t: TestCore,
  channels: readonly string[],
  form: "json" | "short",
): Promise<TestSocket> {
  const socket = t.connect({ principal: t.reader(), channels }, form);
  await t.clock.settle();
  socket.take();
  return socket;
}

function events(messages: readonly Received[]): readonly Received[] {
  return messages.filter(({ type }) => type === "event");
}

function told(socket: TestSocket): readonly Received[] {
  return socket.received().filter(({ type }) => type === "number");
}

/** True for each frame that has an event in the long form. */
function longFrames(socket: TestSocket): readonly string[] {
  return socket.frames.filter((frame) => frame.includes('"type":"event"'));
}

test("[P-SHORT-2] [P-SHORT-3] a reader of the short form gets the same events, and is told each number once, right before it is used", async () => {
  await using t = testCore({ rules });
  const [short, json] = [
    await reading(t, ["log:a", "log:b"], "short"),
    await reading(t, ["log:a", "log:b"], "json"),
  ];
  expect(told(short)).toEqual([]);
  for (const [n, channel] of ["log:a", "log:b", "log:b", "log:a"].entries()) {
    await t.publish(channel, "n", n);
    await t.clock.settle();
  }
  expect(events(short.received())).toEqual(events(json.received()));
  expect(events(short.received())).toHaveLength(4);
  expect(told(short).map(({ channel }) => channel)).toEqual(["log:a", "log:b"]);
  expect(new Set(told(short).map(({ number }) => number)).size).toBe(2);
  expect(longFrames(short)).toEqual([]);
  expect(told(json)).toEqual([]);
});

test("[P-SHORT-2] a reader that joins later, or again, is told the number that the others know", async () => {
  await using t = testCore({ rules });
  const first = await reading(t, ["log:a"], "short");
  await t.publish("log:a", "n", 1);
  await t.clock.settle();
  const later = await reading(t, ["log:a"], "short");
  await t.publish("log:a", "n", 2);
  await t.clock.settle();
  later.send({ type: "unsubscribe", id: 1, channel: "log:a" });
  later.send({ type: "subscribe", id: 2, channel: "log:a", since: "now" });
  await t.clock.settle();
  await t.publish("log:a", "n", 3);
  await t.clock.settle();
  expect(told(first)).toHaveLength(1);
  expect(told(later)).toEqual([told(first)[0], told(first)[0]]);
  expect(events(later.received()).map(({ data }) => data)).toEqual([2, 3]);
});

test("[P-SHORT-2] [G4] readers that come back are told the number before their page, which they share", async () => {
  await using t = testCore({ rules });
  const stays = await reading(t, ["log:a"], "short");
  const positions: string[] = [];
  for (let n = 1; n <= 150; n++) positions.push((await t.publish("log:a", "n", n)).position);
  await t.clock.settle();
  const back = [0, 0, 60].map((at) => {
    const socket = t.connect({ principal: t.reader() }, "short");
    socket.send({ type: "subscribe", id: 1, channel: "log:a", since: positions[at] });
    return { socket, at };
  });
  await t.clock.settle();
  for (const { socket, at } of back) {
    expect(events(socket.received())).toEqual(events(stays.received()).slice(at + 1));
    expect(told(socket)).toEqual(told(stays));
    expect(longFrames(socket)).toEqual([]);
  }
});

test("[P-SHORT-2] [G4] a log that begins anew has another number, and entries of the lost one are never taken for its own", async () => {
  await using t = testCore({ rules });
  const [short, json] = [await reading(t, ["log:a"], "short"), await reading(t, ["log:a"], "json")];
  await t.publish("log:a", "n", 1);
  await t.clock.settle();
  await t.core.channels.purge(t.service, "log:a");
  await t.clock.settle();
  await t.publish("log:a", "n", 2);
  await t.clock.settle();
  await t.publish("log:a", "n", 3);
  await t.clock.settle();
  const seen = (socket: TestSocket) =>
    socket.received().filter(({ type }) => type === "event" || type === "gap" || type === "reset");
  expect(seen(short)).toEqual(seen(json));
  expect(seen(short).map(({ type }) => type)).toContain("gap");
  expect(new Set(told(short).map(({ prefix }) => prefix)).size).toBe(told(short).length);
  expect(told(short)).toHaveLength(2);
});

test("[P-SHORT-2] the number of a channel that nobody reads any more stands for another channel of the same reader, once it is told", async () => {
  await using t = testCore({ rules });
  const [short, json] = [
    await reading(t, ["log:a", "log:b"], "short"),
    await reading(t, ["log:a", "log:b"], "json"),
  ];
  await t.publish("log:a", "n", 1);
  await t.clock.settle();
  for (const socket of [short, json]) socket.send({ type: "unsubscribe", id: 1, channel: "log:a" });
  await t.clock.advance(positionCheckMs);
  await t.publish("log:b", "n", 2);
  await t.clock.settle();
  for (const socket of [short, json])
    socket.send({ type: "subscribe", id: 2, channel: "log:a", since: "start" });
  await t.clock.settle();
  expect(events(short.received())).toEqual(events(json.received()));
  expect(events(short.received()).map(({ data }) => data)).toEqual([1, 2, 1]);
  expect(told(short)).toMatchObject([
    { channel: "log:a", number: 1 },
    { channel: "log:b", number: 1 },
    { channel: "log:a", number: 2 },
  ]);
});

test("[P-SHORT-3] [P-OUT-1] entries that were held and merged for a slow reader have the short form, with since", async () => {
  await using t = testCore({ rules });
  const [short, json] = [
    await reading(t, ["text:a", "log:b"], "short"),
    await reading(t, ["text:a", "log:b"], "json"),
  ];
  for (const socket of [short, json]) socket.stall();
  await t.publish("log:b", "fill", "x".repeat(highWaterBytes));
  await t.clock.settle();
  await t.publish("text:a", "fill", "");
  await t.clock.settle();
  for (const text of ["a", "b", "c"]) {
    await t.publish("text:a", "piece", { append: text });
    await t.clock.settle();
  }
  for (const socket of [short, json]) socket.resume();
  await t.clock.settle();
  const pieces = (socket: TestSocket) =>
    events(socket.received()).filter(({ event }) => event === "piece");
  expect(pieces(short)).toEqual(pieces(json));
  expect(pieces(short)).toMatchObject([{ data: { append: "abc" } }]);
  expect(pieces(short)[0]).toHaveProperty("since");
  expect(longFrames(short)).toEqual([]);
});

test("[P-SHORT-3] a reader that filters events, and one that asks for a summary, get the short form", async () => {
  await using t = testCore({ rules });
  const filters = t.connect({ principal: t.reader() }, "short");
  filters.send({ type: "subscribe", id: 1, channel: "log:a", events: ["n"] });
  const sums = t.connect({ principal: t.reader() }, "short");
  sums.send({ type: "subscribe", id: 1, channel: "log:a", summary_ms: 1_000 });
  await t.clock.settle();
  for (const [n, event] of ["n", "m", "n"].entries()) {
    await t.publish("log:a", event, n);
    await t.clock.settle();
  }
  await t.clock.advance(1_000);
  expect(events(filters.received()).map(({ data }) => data)).toEqual([0, 2]);
  expect(events(sums.received()).map(({ data }) => data)).toEqual([0, 1, 2]);
  for (const socket of [filters, sums]) {
    expect(told(socket)).toHaveLength(1);
    expect(longFrames(socket)).toEqual([]);
  }
});

test("[G7] numbers are used again, so that they stay as few and as short as the channels that are read", () => {
  const numbers = new ChannelNumbers();
  for (let n = 0; n < 1_000; n++) {
    const [one, two] = [numbers.take("a", "e", 1), numbers.take("b", "e", 1)];
    expect([one.number, two.number].sort()).toEqual([1, 2]);
    numbers.release(one);
    numbers.release(two);
  }
  expect(numbers.size).toBe(0);
});
