import { describe, expect, test } from "vitest";
import type { LimitOptions } from "../runtime/limits.ts";
import { RecordingMeter, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const channel = "log:a";
const grants = { subscribe: ["*"], publish: ["*"] };

/** Limits under which only the limit of a test can be reached. */
const limits: LimitOptions = {
  connectionMessagesPerSecond: 10,
  connectionBytesPerSecond: 1e9,
  connectionControlFramesPerSecond: 5,
  sessionMessagesPerSecond: 1e9,
  userMessagesPerSecond: 1e9,
  userBytesPerSecond: 1e9,
  burstSeconds: 2,
};

async function open(t: TestCore, user = "ada", session?: string): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user(user, { grants, session }) });
  await t.clock.settle();
  socket.take();
  return socket;
}

const publish = (id: number | string) => ({ type: "publish", id, channel, event: "e", data: id });

async function countOf(t: TestCore): Promise<number> {
  const { position } = await t.core.channels.snapshot(t.service, channel);
  return Number(position.split(".")[1]);
}

describe("a client over its rate of messages", () => {
  test("[P-LIM-1] a burst is handled at once, and the rest at the rate without being refused or lost", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    for (let id = 0; id < 60; id++) socket.send(publish(id));
    await t.clock.settle();
    expect(await countOf(t)).toBe(20);
    expect(socket.isPaused).toBe(true);
    await t.clock.advance(2_000);
    expect(await countOf(t)).toBeGreaterThanOrEqual(38);
    expect(await countOf(t)).toBeLessThanOrEqual(40);
    await t.clock.advance(2_100);
    const replies = socket.take();
    expect(replies.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, id) => id));
    expect(replies.every(({ result }) => result !== undefined)).toBe(true);
    expect(socket.isPaused).toBe(false);
  });

  test("[P-LIM-1] each message of an array counts, and an array of 1,000 messages is handled at the rate", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    socket.send(Array.from({ length: 1_000 }, (_, id) => publish(id)));
    await t.clock.settle();
    expect(await countOf(t)).toBe(20);
    await t.clock.advance(4_000);
    expect(await countOf(t)).toBeLessThanOrEqual(60);
  });

  test("[P-LIM-1] a client whose limit needs longer than 5 s is told after 5 s", async () => {
    await using t = testCore({
      limits: { ...limits, connectionMessagesPerSecond: 0.1, burstSeconds: 20 },
    });
    const socket = await open(t);
    for (let id = 0; id < 3; id++) socket.send(publish(id));
    await t.clock.advance(4_900);
    expect(socket.take()).toMatchObject([{ id: 0 }, { id: 1 }]);
    await t.clock.advance(200);
    const [told] = socket.take();
    expect(told).toMatchObject({ id: null, error: { code: "rate_limited" } });
    const { retry_after_ms: waitMs } = (told as { error: { retry_after_ms: number } }).error;
    expect(waitMs).toBeGreaterThan(4_000);
  });

  test("[P-LIM-2] after 5 s over its rate a client is told so, and its messages are refused with retry_after_ms", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    for (let id = 0; id < 200; id++) socket.send(publish(id));
    await t.clock.advance(4_900);
    expect(socket.take().every(({ result }) => result !== undefined)).toBe(true);
    await t.clock.advance(1_500);
    const told = socket.take();
    expect(told.find(({ id }) => id === null)).toMatchObject({
      type: "reply",
      error: { code: "rate_limited", retryable: true, retry_after_ms: 1_000 },
    });
    const refused = told.filter(({ id, error }) => id !== null && error !== undefined);
    expect(refused.length).toBeGreaterThan(3);
    expect(refused[0]).toMatchObject({ error: { code: "rate_limited", retry_after_ms: 1_000 } });
    expect(socket.closed).toBeUndefined();
  });

  test("[P-LIM-2] after 8 s over its rate a client is disconnected with 4429", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    for (let id = 0; id < 1_000; id++) socket.send(publish(id));
    await t.clock.advance(7_800);
    expect(socket.closed).toBeUndefined();
    await t.clock.advance(1_500);
    expect(socket.closed).toMatchObject({ code: 4429 });
    expect(await countOf(t)).toBeLessThanOrEqual(80);
  });

  test("[P-LIM-2] a client that was told and then sends less is served again and is not disconnected", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    for (let id = 0; id < 90; id++) socket.send(publish(id));
    await t.clock.advance(8_000);
    socket.take();
    await t.clock.advance(10_000);
    for (let n = 0; n < 300; n++) {
      socket.send(publish(`late-${n}`));
      await t.clock.advance(110);
    }
    const replies = socket.take();
    expect(replies).toHaveLength(300);
    expect(replies.every(({ result }) => result !== undefined)).toBe(true);
    expect(socket.closed).toBeUndefined();
  });

  test("[P-LIM-3] auth, cancel, ack and pings of a client over its rate are never refused", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    for (let id = 0; id < 75; id++) socket.send(publish(id));
    socket.send({ type: "auth", id: "auth", token: t.token(t.user("ada", { grants })) });
    socket.send({ type: "ping", id: "ping" });
    socket.send({ type: "unsubscribe", id: "leave", channel });
    await t.clock.advance(9_000);
    const answers = socket.take();
    const of = (id: string) => answers.find((answer) => answer.id === id);
    expect(answers.some(({ error }) => (error as { code?: string })?.code === "rate_limited")).toBe(
      true,
    );
    expect(of("auth")).toMatchObject({ result: {} });
    expect(of("ping")).toMatchObject({ type: "pong" });
    expect(of("leave")).toMatchObject({ error: { code: "not_subscribed" } });
  });

  test("[P-LIM-3] a client that is not read counts as alive", async () => {
    await using t = testCore({
      limits: { ...limits, pingIntervalMs: 1_000, idleTimeoutMs: 3_000 },
    });
    const socket = await open(t);
    for (let id = 0; id < 90; id++) socket.send(publish(id));
    await t.clock.advance(6_500);
    expect(socket.closed).toBeUndefined();
  });

  test("[P-LIM-1] invalid messages count, and each is answered at most at the rate", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    for (let n = 0; n < 1_000; n++) socket.sendText("not json");
    await t.clock.settle();
    expect(socket.take()).toHaveLength(20);
    await t.clock.advance(1_000);
    expect(socket.take().length).toBeLessThanOrEqual(12);
  });
});

describe("a client over its other limits", () => {
  test("[P-LIM-1] bytes count: frames beyond the rate of bytes wait", async () => {
    await using t = testCore({ limits: { ...limits, connectionBytesPerSecond: 1_000_000 } });
    const socket = await open(t);
    for (let id = 0; id < 6; id++) socket.send({ ...publish(id), data: "x".repeat(900_000) });
    await t.clock.settle();
    expect(await countOf(t)).toBe(2);
    await t.clock.advance(1_000);
    expect(await countOf(t)).toBe(3);
  });

  test("[P-LIM-1] the answers that a client asked for count as its bytes", async () => {
    await using t = testCore({ limits: { ...limits, connectionBytesPerSecond: 250_000 } });
    for (let n = 0; n < 5; n++) await t.publish("log:big", "e", "x".repeat(100_000));
    const socket = await open(t);
    const params = { channel: "log:big", limit: 5 };
    for (let id = 0; id < 20; id++) {
      socket.send({ type: "request", id, method: "history.get", params });
      await t.clock.settle();
    }
    // A request may begin before the answer to the one before it is counted.
    expect(socket.take().length).toBeLessThanOrEqual(3);
    await t.clock.advance(4_000);
    expect(socket.take().length).toBeLessThanOrEqual(6);
    await t.clock.advance(3_000);
    const late = socket.take();
    expect(late.filter(({ result }) => result !== undefined).length).toBeLessThanOrEqual(2);
    expect(late.at(-1)).toMatchObject({ error: { code: "rate_limited" } });
  });

  test("[P-LIM-1] one large replay, however large, neither refuses nor disconnects its reader, whose next messages wait 2 s at most", async () => {
    await using t = testCore({ limits: { ...limits, connectionBytesPerSecond: 10_000 } });
    for (let n = 0; n < 20; n++) await t.publish("log:big", "e", "x".repeat(100_000));
    const socket = await open(t);
    socket.send({ type: "subscribe", id: 1, channel: "log:big", since: "start" });
    await t.clock.settle();
    expect(socket.take().filter(({ type }) => type === "event")).toHaveLength(20);
    for (let id = 2; id < 20; id++) {
      socket.send({ type: "ping", id });
      await t.clock.advance(2_050);
      expect(socket.take()).toMatchObject([{ type: "pong", id }]);
    }
    expect(socket.closed).toBeUndefined();
  });

  test("[P-LIM-4] control frames count: of a flood only a few are answered, and the client is disconnected in the end", async () => {
    await using t = testCore({ limits });
    const socket = await open(t);
    let answered = 0;
    const events = t.core.connect(socket, { principal: t.user("bob") });
    for (let n = 0; n < 1_000; n++) if (events.onControl()) answered++;
    expect(answered).toBe(10);
    expect(socket.isPaused).toBe(true);
    for (let ms = 0; ms < 13_000; ms += 50) {
      await t.clock.advance(50);
      for (let n = 0; n < 20; n++) if (events.onControl()) answered++;
    }
    expect(answered).toBeLessThanOrEqual(80);
    expect(socket.closed).toMatchObject({ code: 4429 });
  });

  test("[P-LIM-5] all connections of a user share the user's rate, and another user's rate is untouched", async () => {
    await using t = testCore({
      limits: { ...limits, connectionMessagesPerSecond: 1e9, userMessagesPerSecond: 10 },
    });
    const [one, two, other] = [await open(t), await open(t), await open(t, "bob")];
    for (let id = 0; id < 15; id++)
      for (const socket of [one, two, other]) socket.send(publish(id));
    await t.clock.settle();
    expect(one.take().length + two.take().length).toBe(20);
    expect(other.take()).toHaveLength(15);
  });

  test("[P-LIM-5] all connections of a session share the session's rate", async () => {
    await using t = testCore({
      limits: { ...limits, connectionMessagesPerSecond: 1e9, sessionMessagesPerSecond: 10 },
    });
    const one = await open(t, "ada", "s");
    const two = await open(t, "ada", "s");
    const other = await open(t, "ada", "t");
    for (let id = 0; id < 15; id++)
      for (const socket of [one, two, other]) socket.send(publish(id));
    await t.clock.settle();
    expect(one.take().length + two.take().length).toBe(20);
    expect(other.take()).toHaveLength(15);
  });

  test("[P-LIM-5] a client that reconnects has no more than its user's rate", async () => {
    await using t = testCore({
      limits: { ...limits, connectionMessagesPerSecond: 1e9, userMessagesPerSecond: 10 },
    });
    for (let round = 0; round < 5; round++) {
      const socket = await open(t);
      for (let id = 0; id < 30; id++) socket.send(publish(id));
      await t.clock.settle();
      socket.drop();
    }
    expect(await countOf(t)).toBe(20);
  });

  test("[P-LIM-5] while the node is over its own rate clients wait, and none is refused or disconnected", async () => {
    await using t = testCore({
      limits: { ...limits, connectionMessagesPerSecond: 1e9, nodeMessagesPerSecond: 10 },
    });
    const socket = await open(t);
    for (let id = 0; id < 220; id++) socket.send(publish(id));
    await t.clock.advance(21_000);
    const replies = socket.take();
    expect(replies).toHaveLength(220);
    expect(replies.every(({ result }) => result !== undefined)).toBe(true);
  });

  test("[P-LIM-6] metrics count limits that were reached, and what was done", async () => {
    const meter = new RecordingMeter();
    await using t = testCore({ limits, meter });
    const socket = await open(t);
    for (let id = 0; id < 1_000; id++) socket.send(publish(id));
    await t.clock.advance(12_000);
    expect(
      meter.count("milepost_rate_limits_total", { scope: "connection", kind: "messages" }),
    ).toBeGreaterThan(0);
    expect(meter.count("milepost_rate_limit_actions_total", { action: "paused" })).toBeGreaterThan(
      0,
    );
    expect(meter.count("milepost_rate_limit_actions_total", { action: "refused" })).toBeGreaterThan(
      0,
    );
    expect(meter.count("milepost_rate_limit_actions_total", { action: "closed" })).toBe(1);
  });
});

describe("the work of one client in a turn of the event loop", () => {
  test("[P-LIM-7] another client is served between the slices of a frame of 1,000 messages", async () => {
    await using t = testCore({ limits: { ...limits, connectionMessagesPerSecond: 1e9 } });
    const busy = await open(t);
    const other = await open(t, "bob");
    const order: string[] = [];
    const seen = await open(t, "eve");
    seen.send({ type: "subscribe", id: 1, channel });
    await t.clock.settle();
    seen.take();
    busy.send(Array.from({ length: 1_000 }, (_, id) => publish(id)));
    other.send(publish("other"));
    await t.clock.settle();
    for (const { data } of seen.take()) order.push(String(data));
    expect(order).toHaveLength(1_001);
    expect(order.indexOf("other")).toBeLessThan(40);
    expect(order.filter((data) => data !== "other")).toEqual(
      Array.from({ length: 1_000 }, (_, id) => String(id)),
    );
  });
});

describe("before the credential is verified", () => {
  test.each([
    ["a frame that is not JSON", "{"],
    ["a message without a type", "{}"],
    ["a message of an unknown type", '{"type":"fly"}'],
    ["an auth without a token", '{"type":"auth"}'],
    ["an empty array", "[]"],
    ["an array of two messages", '[{"type":"ping"},{"type":"ping"}]'],
    ["a value that is no object", "1"],
  ])(
    "[P-CON-3] %s closes the connection with 4400 and gets at most one answer",
    async (_, text) => {
      await using t = testCore();
      const socket = t.connect();
      for (let n = 0; n < 1_000; n++) socket.sendText(text);
      await t.clock.settle();
      expect(socket.closed).toMatchObject({ code: 4400 });
      expect(socket.take().length).toBeLessThanOrEqual(1);
    },
  );

  test("[P-CON-3] nothing behind auth is handled before the credential is verified", async () => {
    await using t = testCore();
    const socket = t.connect();
    socket.send({ type: "auth", id: 1, token: t.token(t.user("ada", { grants })) });
    socket.send(publish(2));
    socket.sendText("[]");
    socket.send(publish(3));
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "welcome" },
      { id: 1, result: {} },
      { id: 2, result: {} },
      { id: 3, result: {} },
    ]);
  });

  test("[P-CON-3] a client that sends more pings than its rate before auth is disconnected with 4429", async () => {
    await using t = testCore({ limits });
    const socket = t.connect();
    for (let n = 0; n < 1_000; n++) socket.send({ type: "ping" });
    await t.clock.settle();
    expect(socket.closed).toMatchObject({ code: 4429 });
    expect(socket.take()).toHaveLength(20);
  });
});

describe("messages of a client outside its stream", () => {
  test("[P-LIM-8] upstream messages count for the connection and the user, and a frame over the limit has no effect", async () => {
    await using t = testCore({ limits });
    const principal = t.user("ada", { grants });
    const socket = t.connect({ principal });
    await t.clock.settle();
    const id = String(socket.take()[0]?.connection_id);
    const frame = JSON.stringify(Array.from({ length: 15 }, (_, n) => publish(n)));
    await t.clock.until(t.core.handleUpstream(principal, id, frame));
    await expect(t.core.handleUpstream(principal, id, frame)).rejects.toMatchObject({
      code: "rate_limited",
      retryAfterMs: 1_000,
    });
    expect(await countOf(t)).toBe(15);
    for (let n = 0; n < 10; n++) socket.send(publish(n));
    await t.clock.settle();
    expect(await countOf(t)).toBe(20);
  });

  test("[P-LIM-8] requests outside a connection count for the user, and a service has no limit", async () => {
    await using t = testCore({ limits: { ...limits, userMessagesPerSecond: 5 } });
    const ada = t.user("ada");
    for (let n = 0; n < 10; n++) t.core.charge(ada, 1, 0);
    expect(() => t.core.charge(ada, 1, 0)).toThrow(/the limit of messages a second of the user/);
    t.core.charge(t.user("bob"), 1, 0);
    for (let n = 0; n < 1_000; n++) t.core.charge(t.service, 1_000, 1_000_000);
  });
});

describe("a client that does nothing", () => {
  const rules = [
    { pattern: "brief:{n}", idleTimeoutMs: 60_000 },
    { pattern: "longer:{n}", idleTimeoutMs: 120_000 },
    { pattern: "free:{n}" },
  ].map((rule) => ({
    ...rule,
    subscribe: "authenticated" as const,
    publish: "authenticated" as const,
    retention: { maxEntries: 10, maxAgeMs: 60_000 },
  }));

  /** Lets time pass while the client answers the pings of the node and sends pings of its own. */
  async function pass(t: TestCore, socket: TestSocket, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10_000) {
      await t.clock.advance(10_000);
      socket.pong();
      socket.send({ type: "ping" });
    }
  }

  test("[P-LIM-9] a connection without a subscription is closed with 4004 after 5 minutes", async () => {
    await using t = testCore({ rules });
    const socket = t.connect({ principal: t.user("ada") });
    await pass(t, socket, 290_000);
    expect(socket.closed).toBeUndefined();
    await pass(t, socket, 20_000);
    expect(socket.closed).toMatchObject({ code: 4004 });
  });

  test("[P-LIM-9] a subscriber stays, unless the rules of all its channels set a time; then the longest counts", async () => {
    await using t = testCore({ rules });
    const at = (channels: string[]) => t.connect({ principal: t.user("ada"), channels });
    const sockets = [
      at(["free:1"]),
      at(["brief:1", "free:1"]),
      at(["brief:1"]),
      at(["brief:1", "longer:1"]),
    ];
    const closedAfter = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 10_000) {
        await t.clock.advance(10_000);
        for (const socket of sockets) socket.pong();
      }
      return sockets.map(({ closed }) => closed?.code);
    };
    expect(await closedAfter(50_000)).toEqual([undefined, undefined, undefined, undefined]);
    expect(await closedAfter(20_000)).toEqual([undefined, undefined, 4004, undefined]);
    expect(await closedAfter(60_000)).toEqual([undefined, undefined, 4004, 4004]);
    expect(await closedAfter(600_000)).toEqual([undefined, undefined, 4004, 4004]);
  });

  test("[P-LIM-9] a message other than a ping or pong starts the time anew", async () => {
    await using t = testCore({ rules });
    const socket = t.connect({ principal: t.user("ada"), channels: ["brief:1"] });
    for (let n = 0; n < 5; n++) {
      await pass(t, socket, 50_000);
      socket.send({ type: "publish", channel: "brief:1", event: "e", data: n });
    }
    expect(socket.closed).toBeUndefined();
    await pass(t, socket, 70_000);
    expect(socket.closed).toMatchObject({ code: 4004 });
  });
});
