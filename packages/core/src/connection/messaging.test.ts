import { FaultyEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { highRates, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const grants = { subscribe: ["log:*"], publish: ["log:*", "operation:*"] };

async function open(t: TestCore, dialect: "json" | "plain" = "json"): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada", { session: "s", grants }) }, dialect);
  await t.clock.settle();
  socket.take();
  return socket;
}

async function answer(t: TestCore, socket: TestSocket, message: unknown) {
  socket.send(message);
  await t.clock.settle();
  return socket.take();
}

describe("bad messages", () => {
  test("[P-MSG-1] each bad message is answered with an error and its id, and the socket stays open", async () => {
    await using t = testCore();
    for (const dialect of ["json", "plain"] as const) {
      const socket = await open(t, dialect);
      for (const [text, id, code] of [
        ["{", null, "bad_json"],
        ["", null, "bad_json"],
        ["7", null, "bad_message"],
        ['"text"', null, "bad_message"],
        ["null", null, "bad_message"],
        ["{}", null, "bad_message"],
        ['{"type":"fly","id":3}', 3, "unknown_type"],
        ['{"type":"__proto__","id":3}', 3, "unknown_type"],
        ['{"type":"subscribe","id":4}', 4, "bad_message"],
        ['{"type":"subscribe","id":[4],"channel":"a"}', null, "bad_message"],
        ['{"type":"subscribe","id":"s","channel":"a b"}', "s", "invalid_channel"],
        [
          '{"type":"publish","id":5,"channel":"log:a","event":"reply","data":1}',
          5,
          "invalid_event",
        ],
        ['{"type":"publish","id":6,"channel":"log:a","event":"e"}', 6, "bad_message"],
        [`${"[".repeat(70)}${"]".repeat(70)}`, null, "too_deep"],
      ] as const) {
        socket.sendText(text);
        await t.clock.settle();
        expect(socket.take(), text).toMatchObject([{ type: "reply", id, error: { code } }]);
      }
      expect((await answer(t, socket, { type: "ping", id: 1 }))[0]).toMatchObject({
        type: "pong",
        id: 1,
      });
    }
  });

  test("[P-MSG-1] one bad message in a frame does not stop the others from being handled", async () => {
    await using t = testCore();
    const socket = await open(t);
    const frame = [
      { type: "ping", id: 1 },
      { type: "fly", id: 2 },
      { type: "ping", id: 3 },
    ];
    expect((await answer(t, socket, frame)).map(({ type, id }) => [type, id])).toEqual([
      ["pong", 1],
      ["reply", 2],
      ["pong", 3],
    ]);
  });

  test("[P-MSG-2] unknown fields of a message are ignored", async () => {
    await using t = testCore();
    const socket = await open(t);
    const message = { type: "subscribe", id: 1, channel: "log:a", colour: "red" };
    expect(await answer(t, socket, message)).toMatchObject([
      { id: 1, result: { channel: "log:a" } },
    ]);
  });

  test("[P-MSG-3] a frame over the size limit closes the socket with 1009", async () => {
    await using t = testCore({ limits: { maxMessageBytes: 1_000 } });
    const socket = await open(t);
    socket.sendText(`"${"x".repeat(1_000)}"`);
    await t.clock.settle();
    expect(socket.closed?.code).toBe(1009);
  });

  test("[P-DIA-2] a binary frame on a JSON connection is answered with bad_message", async () => {
    await using t = testCore();
    const socket = await open(t);
    socket.sendBinary();
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "reply", id: null, error: { code: "bad_message" } },
    ]);
    expect(socket.closed).toBeUndefined();
  });

  test("fields that this version does not support are answered with not_supported", async () => {
    await using t = testCore();
    const socket = await open(t);
    for (const message of [
      { type: "subscribe", id: 1, channel: "log:a", as: "me", presence: true },
      { type: "publish", id: 1, channel: "log:a", event: "e", data: 1, ttl_ms: 5 },
    ]) {
      expect(await answer(t, socket, message)).toMatchObject([
        { type: "reply", id: 1, error: { code: "not_supported" } },
      ]);
    }
    expect(t.core.stats().subscriptions).toBe(0);
  });

  test("[P-MSG-4] every message with an id receives exactly one reply, and a ping with an id exactly one pong", async () => {
    await using t = testCore();
    const socket = await open(t);
    const messages = [
      { type: "ping", id: "a" },
      { type: "subscribe", id: "b", channel: "log:a" },
      { type: "subscribe", id: "c", channel: "log:a" },
      { type: "publish", id: "d", channel: "log:a", event: "e", data: 1 },
      { type: "publish", id: "e", channel: "user:bob", event: "e", data: 1 },
      { type: "publish", channel: "log:a", event: "e", data: 2 },
      { type: "publish", channel: "user:bob", event: "e", data: 2 },
      { type: "request", id: "f", method: "operations.list" },
      { type: "request", id: "g", method: "fly" },
      { type: "unsubscribe", id: "h", channel: "log:a" },
      { type: "unsubscribe", id: "i", channel: "log:a" },
      { type: "auth", id: "j", token: "forged" },
    ];
    const answers = await answer(t, socket, messages);
    const ids = answers.flatMap(({ type, id }) => (type === "event" ? [] : [id]));
    expect(ids.toSorted()).toEqual(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
  });
});

describe("publishing", () => {
  test("[P-PUB-1] [G2] the reply to a publish names the entry's position in the log", async () => {
    await using t = testCore();
    const socket = await open(t);
    const message = {
      type: "publish",
      id: 1,
      channel: "log:a",
      event: "e",
      data: { x: [1, null] },
    };
    const [reply] = await answer(t, socket, message);
    const { entries } = await t.core.channels.history(t.service, "log:a");
    expect(reply).toEqual({
      type: "reply",
      id: 1,
      result: { channel: "log:a", position: entries[0]?.position, duplicate: false },
    });
    expect(entries[0]).toMatchObject({ event: "e", data: { x: [1, null] } });
  });

  test("[P-PUB-2] [G3] a publish that repeats a key of the same user creates no entry, even over another connection", async () => {
    await using t = testCore();
    const message = { type: "publish", id: 1, channel: "log:a", event: "e", data: 1, key: "k" };
    const [first] = await answer(t, await open(t), message);
    const [again] = await answer(t, await open(t), message);
    expect(again?.result).toEqual({ ...(first?.result as object), duplicate: true });
    await t.publish("log:a", "e", 1, "k");
    expect((await t.core.channels.history(t.service, "log:a")).entries).toHaveLength(2);
    await t.clock.advance(600_000);
    const [later] = await answer(t, await open(t), message);
    expect(later?.result).toMatchObject({ duplicate: false });
  });

  test("[P-PUB-3] a publish is refused with forbidden if rules or token do not allow it, or if it names an operation's channel", async () => {
    await using t = testCore();
    const socket = await open(t);
    for (const channel of [
      "user:ada",
      "session:s",
      "broadcast",
      "operation:9",
      "gateway:x",
      "other",
    ]) {
      const message = { type: "publish", id: 1, channel, event: "e", data: 1 };
      expect(await answer(t, socket, message)).toMatchObject([{ error: { code: "forbidden" } }]);
    }
    await expect(t.publish("operation:9", "done", {})).rejects.toMatchObject({ code: "forbidden" });
  });

  test("[G1] 1,000 publishes that one connection sends without waiting for replies keep their order", async () => {
    await using t = testCore({ limits: highRates });
    const socket = await open(t);
    const publish = (n: number) => ({
      type: "publish",
      id: n,
      channel: "log:a",
      event: "e",
      data: n,
    });
    socket.send(Array.from({ length: 600 }, (_, n) => publish(n)));
    for (let n = 600; n < 1_000; n++) socket.send(publish(n));
    await t.clock.settle();
    const { entries } = await t.core.channels.history(t.service, "log:a", { limit: 1_000 });
    expect(entries.map(({ data }) => data)).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    expect(socket.take().every(({ result }) => result !== undefined)).toBe(true);
  });

  test("messages beyond the limit of a connection's inbox are refused with rate_limited", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory, limits: highRates });
    const socket = await open(t);
    faulty.hold();
    socket.send({ type: "subscribe", id: "s", channel: "log:a" });
    // A publish waits for the subscribe to its channel, and so does every message behind it.
    const publish = { type: "publish", channel: "log:a", event: "e", data: 1 };
    for (let n = 0; n < 2_000; n++) socket.send({ ...publish, id: n });
    await t.clock.settle();
    const refused = socket.take();
    expect(refused.length).toBeGreaterThan(900);
    expect(refused.every(({ error }) => (error as { code: string }).code === "rate_limited")).toBe(
      true,
    );
    faulty.release();
    await t.clock.settle();
    const replies = socket.take().filter(({ type }) => type === "reply");
    expect(replies.length + refused.length).toBe(2_001);
  });

  test("[P-DIA-4] published JSON data arrives unchanged", async () => {
    await using t = testCore();
    const socket = await open(t);
    await answer(t, socket, { type: "subscribe", id: 1, channel: "log:a" });
    for (const data of [
      null,
      0,
      "",
      [],
      {},
      { "": { __proto__: null, a: "\u2028é😀" } },
      [[[1]]],
      false,
    ]) {
      const messages = await answer(t, socket, {
        type: "publish",
        channel: "log:a",
        event: "e",
        data,
      });
      expect(messages[0]?.data).toEqual(JSON.parse(JSON.stringify(data)));
    }
  });

  test("publishing data that is not JSON fails with bad_message, too large data with too_large, too deep data with too_deep", async () => {
    await using t = testCore({ limits: { maxMessageBytes: 1_000 } });
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const deep = JSON.parse(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`) as unknown;
    for (const [data, code] of [
      [undefined, "bad_message"],
      [() => 1, "bad_message"],
      [10n, "bad_message"],
      [{ a: 10n }, "bad_message"],
      [cycle, "bad_message"],
      ["x".repeat(1_000), "too_large"],
      ["é".repeat(600), "too_large"],
      [deep, "too_deep"],
    ] as const) {
      await expect(t.publish("log:a", "e", data)).rejects.toMatchObject({ code });
    }
    await expect(t.publish("log:a", "e", "é".repeat(400))).resolves.toMatchObject({
      duplicate: false,
    });
    await expect(t.publish("log a", "e", 1)).rejects.toMatchObject({ code: "invalid_channel" });
    await expect(t.publish("log:*", "e", 1)).rejects.toMatchObject({ code: "invalid_channel" });
    await expect(t.publish("log:a", "gap", 1)).rejects.toMatchObject({ code: "invalid_event" });
    await expect(t.publish("log:a", "e", 1, "k".repeat(256))).rejects.toMatchObject({
      code: "bad_message",
    });
  });
});

describe("requests", () => {
  test("[P-REQ-1] a request for an unknown method, or for an inherited property name, is answered with unknown_method", async () => {
    await using t = testCore();
    const socket = await open(t);
    for (const method of ["fly", "toString", "__proto__", "operations"]) {
      expect(await answer(t, socket, { type: "request", id: 1, method })).toMatchObject([
        { id: 1, error: { code: "unknown_method" } },
      ]);
    }
  });

  test("[P-REQ-1] request methods return the same results as the calls of the core", async () => {
    await using t = testCore();
    const socket = await open(t);
    const { operation } = await t.core.operations.create(t.service, {
      kind: "index",
      user_id: "ada",
    });
    const foreign = await t.core.operations.create(t.service, { kind: "index", user_id: "bob" });
    const ask = async (method: string, params: object) => {
      const [reply] = await answer(t, socket, { type: "request", id: 1, method, params });
      return reply?.result ?? reply?.error;
    };
    const user = t.user("ada", { session: "s" });
    expect(await ask("operations.get", { operation_id: operation.id })).toEqual(
      await t.core.operations.get(user, operation.id),
    );
    expect(await ask("operations.list", { kind: "index" })).toEqual(
      await t.core.operations.list(user, {}),
    );
    expect(
      await ask("operations.command", { operation_id: operation.id, command: "cancel" }),
    ).toMatchObject({
      phase: "requested",
    });
    await t.publish("log:a", "e", 1);
    expect(
      await ask("history.get", { channel: "log:a", since: { last: 1 }, limit: 5 }),
    ).toMatchObject({
      channel: "log:a",
      entries: [{ event: "e", data: 1 }],
    });
    expect(await ask("history.get", { channel: "user:bob" })).toMatchObject({ code: "forbidden" });
    expect(await ask("operations.get", { operation_id: foreign.operation.id })).toMatchObject({
      code: "not_found",
    });
    expect(await ask("operations.get", {})).toMatchObject({ code: "bad_message" });
    expect(await ask("operations.list", { limit: 0 })).toMatchObject({ code: "bad_message" });
    expect(
      await ask("operations.command", { operation_id: operation.id, command: "x" }),
    ).toMatchObject({
      code: "bad_message",
    });
  });

  test("[P-REQ-2] a slow request ends with timed_out, a cancelled one with cancelled, and late answers are not sent", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const socket = await open(t);
    faulty.hold();
    const request = { type: "request", method: "history.get", params: { channel: "log:a" } };
    socket.send([
      { ...request, id: 1, timeout_ms: 1_000 },
      { ...request, id: 2 },
      { ...request, id: 3 },
      { type: "cancel", id: 3 },
      { type: "cancel", id: 99 },
    ]);
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 3, error: { code: "cancelled" } }]);
    await t.clock.advance(1_100);
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "timed_out", retryable: true } }]);
    await t.clock.advance(20_000);
    expect(socket.take()).toEqual([]);
    await t.clock.advance(10_000);
    expect(socket.take()).toMatchObject([{ id: 2, error: { code: "timed_out" } }]);
    faulty.release();
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
  });
});
