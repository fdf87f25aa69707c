import { FaultyEngine } from "@milepost/engine/testing";
import { parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const granted = { subscribe: "granted", publish: "granted", retention } as const;
const rules = [
  { pattern: "state:*", ...granted, projection: { name: "latest" } },
  {
    pattern: "few:*",
    ...granted,
    retention: { maxEntries: 2, maxAgeMs: 3_600_000 },
    projection: { name: "latest" },
  },
  { pattern: "drop:*", ...granted, merge: { "*": "ephemeral" } },
  { pattern: "text:*", ...granted, merge: { "*": "text" } },
] as const;
const patterns = ["log:*", "state:*", "few:*", "drop:*", "text:*"];
const grants = { subscribe: patterns, publish: patterns };

async function open(
  t: TestCore,
  channels: readonly string[] = [],
  dialect: "json" | "plain" = "json",
): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada", { grants }), channels }, dialect);
  await t.clock.settle();
  socket.take();
  return socket;
}

async function subscribe(t: TestCore, socket: TestSocket, channel: string, rest: object = {}) {
  socket.send({ type: "subscribe", id: 1, channel, ...rest });
  await t.clock.settle();
  return socket.take();
}

function told(messages: readonly Received[]): unknown[] {
  return messages.map(({ type, event, data, reason }) =>
    type === "event" ? [event, data] : type === "end" ? `end ${String(reason)}` : type,
  );
}

describe("the end of a channel", () => {
  test("[P-END-1] a principal that may publish can end a channel once; ending it again returns the first end", async () => {
    await using t = testCore({ rules });
    await t.publish("log:a", "n", 1);
    const ended = await t.core.channels.end(t.service, "log:a", "all done");
    expect(ended).toMatchObject({ channel: "log:a", reason: "all done", duplicate: false });
    const again = await t.core.channels.end(t.user("ada", { grants }), "log:a", "another reason");
    expect(again).toEqual({ ...ended, duplicate: true });
    await expect(t.core.channels.end(t.user("bob"), "log:a")).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(t.core.channels.end(t.service, "operation:9")).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(t.core.channels.end(t.service, "collection:1:*")).rejects.toMatchObject({
      code: "invalid_channel",
    });
    await expect(t.core.channels.end(t.service, "log:b", "")).rejects.toMatchObject({
      code: "bad_message",
    });
  });

  test("[P-END-1] an ended channel refuses new publishes, but a repeated key is answered with the position of its first entry", async () => {
    await using t = testCore({ rules });
    const first = await t.publish("log:a", "n", 1, "k");
    await t.core.channels.end(t.service, "log:a");
    await expect(t.publish("log:a", "n", 2)).rejects.toMatchObject({
      code: "ended",
      retryable: false,
    });
    expect(await t.publish("log:a", "n", 1, "k")).toEqual({ ...first, duplicate: true });
    const socket = await open(t);
    socket.send({ type: "publish", id: 1, channel: "log:a", event: "n", data: 3 });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "ended" } }]);
  });

  test("[P-END-1] a client can end a channel with a request, but cannot publish the end event", async () => {
    await using t = testCore({ rules });
    const socket = await open(t);
    socket.send({ type: "request", id: 1, method: "channels.end", params: { channel: "log:a" } });
    socket.send({ type: "publish", id: 2, channel: "log:b", event: "end", data: { reason: "x" } });
    await t.clock.settle();
    const replies = socket.take();
    expect(replies.find(({ id }) => id === 1)).toMatchObject({
      result: { channel: "log:a", reason: "complete", duplicate: false },
    });
    expect(replies.find(({ id }) => id === 2)).toMatchObject({ error: { code: "invalid_event" } });
  });

  test("[P-END-2] a channel's end arrives after all earlier entries, in the same order for all clients, and nothing follows it", async () => {
    await using t = testCore({ rules });
    const sockets = [await open(t, ["log:a"]), await open(t, ["log:a", "log:b"], "plain")];
    const publishes = [1, 2, 3].map((n) => t.publish("log:a", "n", n));
    const end = t.core.channels.end(t.service, "log:a", "over");
    const late = t.publish("log:a", "n", 4);
    await expect(late).rejects.toMatchObject({ code: "ended" });
    await Promise.all(publishes);
    await t.clock.settle();
    const [json = [], plain = []] = sockets.map((socket) => socket.take());
    const { position } = await end;
    expect(told(json)).toEqual([["n", 1], ["n", 2], ["n", 3], "end over"]);
    expect(json.at(-1)).toEqual({ type: "end", channel: "log:a", position, reason: "over" });
    expect(plain.map(({ type }) => type)).toEqual(["n", "n", "n", "end"]);
    expect(plain.at(-1)).toMatchObject({
      channel: "log:a",
      position,
      reason: "over",
      timestamp: new Date(t.clock.now()).toISOString(),
      event_id: expect.stringContaining(`log:a@${position}`),
    });
  });

  test("[P-END-2] a channel's end is delivered by a replay from any position, by since start and by since {last: n}", async () => {
    await using t = testCore({ rules });
    const positions: string[] = [];
    for (let n = 1; n <= 4; n++) positions.push((await t.publish("log:a", "n", n)).position);
    await t.core.channels.end(t.service, "log:a", "over");
    for (const [i, since] of [...positions.entries(), [-1, "start"] as const]) {
      const socket = await open(t);
      const replay = told(await subscribe(t, socket, "log:a", { since }));
      const missed = [1, 2, 3, 4].slice(i + 1).map((n) => ["n", n]);
      expect(replay).toEqual(["reply", ...missed, "end over"]);
    }
    const socket = await open(t);
    expect(told(await subscribe(t, socket, "log:a", { since: { last: 2 } }))).toEqual([
      "reply",
      ["n", 3],
      ["n", 4],
      "end over",
    ]);
  });

  test("[P-END-2] a subscription with a filter of event names still receives the channel's end", async () => {
    await using t = testCore({ rules });
    const socket = await open(t);
    await subscribe(t, socket, "log:a", { events: ["wanted"] });
    await t.publish("log:a", "other", 1);
    await t.core.channels.end(t.service, "log:a");
    await t.clock.settle();
    expect(told(socket.take())).toEqual(["end complete"]);
  });

  test.each([
    // Waiting entries of an ephemeral channel are merged into the newest one, and that is the end.
    ["drop:a", []],
    ["text:a", [["n", { append: "0123456789" }]]],
  ])(
    "[P-END-2] a channel's end is neither merged nor dropped for a slow reader of %s",
    async (channel, before) => {
      await using t = testCore({ rules });
      const socket = await open(t, [channel]);
      socket.stall();
      await t.publish(channel, "fill", "x".repeat(highWaterBytes));
      await t.clock.settle();
      // The transport is full now, so from this entry on the send queue holds entries back.
      await t.publish(channel, "fill", "");
      await t.clock.settle();
      for (let n = 0; n < 10; n++) {
        await t.publish(channel, "n", channel === "text:a" ? { append: String(n) } : n);
        await t.clock.settle();
      }
      await t.core.channels.end(t.service, channel, "over");
      await t.clock.settle();
      socket.resume();
      await t.clock.settle();
      const all = told(socket.take().filter(({ event }) => event !== "fill"));
      expect(all).toEqual([...before, "end over"]);
      expect(socket.closed).toBeUndefined();
    },
  );

  test("[P-END-3] a client that subscribes after the end receives the final state and then the end", async () => {
    await using t = testCore({ rules });
    await t.publish("state:a", "n", { v: 1 });
    const { position } = await t.core.channels.end(t.service, "state:a", "over");
    for (const dialect of ["json", "plain"] as const) {
      const socket = await open(t, [], dialect);
      const [reply, end] = await subscribe(t, socket, "state:a");
      expect(reply?.result).toMatchObject({
        position,
        snapshot: { state: { event: "n", data: { v: 1 } } },
      });
      expect(end).toMatchObject({ type: "end", position, reason: "over" });
    }
    const connected = t.connect({ principal: t.user("ada", { grants }), channels: ["state:a"] });
    await t.clock.settle();
    expect(told(connected.take())).toEqual(["welcome", "subscribed", "end over"]);
  });

  test("[P-END-3] a client that resumes from the end's own position receives the end again", async () => {
    await using t = testCore({ rules });
    await t.publish("log:a", "n", 1);
    const { position } = await t.core.channels.end(t.service, "log:a", "over");
    const socket = await open(t);
    const [reply, ...rest] = await subscribe(t, socket, "log:a", { since: position });
    expect(reply?.result).toEqual({ channel: "log:a", position, recovered: true });
    expect(told(rest)).toEqual(["end over"]);
  });

  test("[P-END-3] a channel stays ended as long as its log exists, even after the end's entry has expired", async () => {
    await using t = testCore({ rules });
    const { position: first } = await t.publish("few:a", "n", 1);
    await t.core.channels.end(t.service, "few:a", "over");
    for (let i = 0; i < 6; i++) {
      await t.clock.advance(1_000_000);
      await t.core.channels.snapshot(t.service, "few:a");
    }
    const socket = await open(t);
    const late = await subscribe(t, socket, "few:a", { since: first });
    expect(late[0]?.result).toMatchObject({ recovered: false, reason: "trimmed" });
    expect(told(late)).toEqual(["reply", "end over"]);
    await expect(t.publish("few:a", "n", 2)).rejects.toMatchObject({ code: "ended" });
  });

  test("[P-END-4] an ended subscription does not count towards the limit, and the client can subscribe to its channel again", async () => {
    await using t = testCore({ rules, limits: { maxSubscriptions: 2 } });
    const socket = await open(t, ["log:a", "log:b"]);
    await t.core.channels.end(t.service, "log:a");
    await t.clock.settle();
    socket.take();
    expect(told(await subscribe(t, socket, "log:c"))).toEqual(["reply"]);
    expect(told(await subscribe(t, socket, "log:a"))).toMatchObject(["reply"]);
    const [refused] = await subscribe(t, socket, "log:d");
    expect(refused).toMatchObject({ error: { code: "too_many_subscriptions" } });
    await t.publish("log:b", "n", 1);
    await t.clock.settle();
    expect(told(socket.take())).toEqual([["n", 1]]);
  });

  test("[P-END-4] the cursor of a plain-dialect client keeps the position of an ended channel", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["log:a", "log:b"], "plain");
    const { position } = await t.core.channels.end(t.service, "log:a");
    await t.publish("log:b", "n", 1);
    await t.clock.settle();
    const [, notifier] = socket.take();
    expect(notifier).toMatchObject({ type: "n", event_id: expect.stringContaining(position) });
  });

  test("[P-END-6] after a purge an ended channel accepts publishes again, but a subscriber that received the end receives none of them", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["state:a"]);
    const { position } = await t.core.channels.end(t.service, "state:a");
    await t.clock.settle();
    expect(told(socket.take())).toEqual(["end complete"]);
    await t.core.channels.purge(t.service, "state:a");
    const anew = await t.publish("state:a", "n", 1);
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
    expect(epochOf(anew.position)).not.toBe(epochOf(position));
    expect(told(await subscribe(t, socket, "state:a"))).toEqual(["reply"]);
  });

  test("[P-END-6] history and snapshot report a channel's end in a field of its own, not as an entry", async () => {
    await using t = testCore({ rules });
    await t.publish("state:a", "n", 1);
    await t.publish("state:a", "n", 2);
    const { position } = await t.core.channels.end(t.service, "state:a", "over");
    const end = { position, reason: "over", ts: t.clock.now() };
    const page = await t.core.channels.history(t.service, "state:a", { limit: 2 });
    expect(page.entries.map(({ data }) => data)).toEqual([1, 2]);
    expect(page.end).toBeUndefined();
    const read = parsePosition(page.position);
    const rest = await t.core.channels.history(t.service, "state:a", {
      ...(read.ok && { since: read.value }),
    });
    expect(rest).toEqual({ channel: "state:a", entries: [], position, end });
    expect(await t.core.channels.history(t.service, "state:a", { since: "now" })).toMatchObject({
      end,
    });
    expect(await t.core.channels.snapshot(t.service, "state:a")).toMatchObject({
      position,
      snapshot: { state: { data: 2 } },
      end,
    });
  });

  test("[P-END-2] a channel's end that the bus lost is delivered at the next position check, by a replay or after a reset", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const sockets = [await open(t, ["few:a"]), await open(t, ["log:a"])];
    faulty.loses = () => true;
    for (let n = 0; n < 5; n++) await t.publish("few:a", "n", n);
    for (const channel of ["few:a", "log:a"]) await t.core.channels.end(t.service, channel, "over");
    await t.clock.settle();
    expect(sockets.flatMap((socket) => told(socket.take()))).toEqual([]);
    await t.clock.advance(60_000);
    const [reset = [], replay = []] = sockets.map((socket) => told(socket.take()));
    expect(reset).toEqual(["reset", "end over"]);
    expect(replay).toEqual(["end over"]);
  });
});

function epochOf(position: string): string | undefined {
  return position.split(".")[0];
}

describe("[P-END-5] the end of a connection and the end of a channel", () => {
  test("a dropped connection, an expired token and a shutdown do not end a channel", async () => {
    await using t = testCore({ rules });
    const dropped = await open(t, ["log:a"]);
    dropped.drop();
    const expiring = t.connect({
      principal: t.user("ada", { grants, expiresAt: t.clock.now() + 1_000 }),
      channels: ["log:a"],
    });
    await t.clock.advance(10_000);
    expect(expiring.closed?.code).toBe(4101);
    const staying = await open(t, ["log:a"]);
    await t.publish("log:a", "n", 1);
    await t.clock.until(t.core.shutdown(0));
    expect(staying.closed?.code).toBe(4000);
    for (const socket of [dropped, expiring, staying]) {
      expect(socket.received().filter(({ type }) => type === "end")).toEqual([]);
    }
  });

  test("the end of a channel closes no connection, and the connection's other channels still deliver", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["log:a", "log:b"]);
    await t.core.channels.end(t.service, "log:a");
    await t.publish("log:b", "n", 1);
    await t.clock.advance(20_000);
    expect(told(socket.take())).toEqual(["end complete", ["n", 1]]);
    expect(socket.closed).toBeUndefined();
  });

  test("a failed operation leaves its channel open, since the operation may be retried", async () => {
    await using t = testCore({ rules });
    const { operation, channel, lease } = await t.core.operations.create(t.service, {
      kind: "index",
      user_id: "ada",
    });
    const socket = t.connect({ principal: t.user("ada"), channels: [channel] });
    await t.core.operations.report(t.service, operation.id, {
      lease: lease.token,
      events: [
        { event: "started", data: {} },
        { event: "failed", data: { error: { code: "x", message: "y", retryable: true } } },
      ],
    });
    await t.clock.settle();
    expect(told(socket.take())).not.toContainEqual(expect.stringMatching(/^end/));
    await t.core.operations.command(t.user("ada"), operation.id, { command: "retry" });
    await t.clock.settle();
    expect(told(socket.take())).toMatchObject([["command", { command: "retry" }]]);
  });

  test("a new token that does not allow a channel ends the subscription, but not the channel", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["log:a"]);
    const { position } = await t.publish("log:a", "n", 1);
    await t.clock.settle();
    socket.take();
    socket.send({ type: "auth", id: 1, token: t.token(t.user("ada")) });
    await t.clock.settle();
    expect(socket.take()[0]).toEqual({
      type: "unsubscribed",
      channel: "log:a",
      position,
      reason: "forbidden",
    });
    await expect(t.publish("log:a", "n", 2)).resolves.toMatchObject({ duplicate: false });
  });
});
