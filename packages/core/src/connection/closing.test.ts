import { FaultyEngine } from "@milepost/engine/testing";
import { parsed } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { highRates, type TestCore, TestSocket, testCore } from "../testing/index.ts";

const grants = { subscribe: ["log:*"], publish: ["log:*"] };

async function open(t: TestCore, connectionId?: string) {
  const options = connectionId === undefined ? {} : { connectionId };
  const socket = t.connect({ principal: t.user("ada", { grants }), ...options });
  await t.clock.settle();
  const id = String(socket.take()[0]?.connection_id);
  return { socket, id };
}

async function subscribe(t: TestCore, socket: TestSocket, channel: string) {
  socket.send({ type: "subscribe", id: 1, channel });
  await t.clock.settle();
  return socket.take().find(({ type }) => type === "reply");
}

async function historyOf(t: TestCore, channel: string): Promise<unknown[]> {
  const { entries } = await t.core.channels.history(t.service, channel);
  return entries.map(({ data }) => data);
}

/** Closes the user's connections while the peer reads nothing, so that it does not answer the close. */
async function closeStalled(t: TestCore, socket: TestSocket): Promise<void> {
  socket.stall();
  await t.core.connections.disconnect(t.service, { user: "ada" });
  await t.clock.settle();
  expect(socket.closed?.code).toBe(4410);
}

describe("a connection that is being closed", () => {
  test("a connection whose peer does not answer the close is cut off after five seconds", async () => {
    await using t = testCore();
    const { socket } = await open(t);
    await closeStalled(t, socket);
    await t.clock.advance(4_800);
    expect(socket.terminated).toBe(false);
    await t.clock.advance(300);
    expect(socket.terminated).toBe(true);
  });

  test("[C8] a connection leaves the registry when its close begins, not when its peer has answered", async () => {
    await using t = testCore();
    const { socket, id } = await open(t);
    const listed = async () =>
      (await t.core.connections.list(t.service, { user: "ada" })).connections;
    expect(await listed()).toMatchObject([{ connection_id: id }]);
    await closeStalled(t, socket);
    expect(await listed()).toEqual([]);
  });

  test("messages that arrive after the close are not handled", async () => {
    await using t = testCore();
    const { socket } = await open(t);
    await t.publish("log:a", "n", 1);
    await closeStalled(t, socket);
    socket.send({ type: "publish", id: 2, channel: "log:a", event: "n", data: 2 });
    await t.clock.settle();
    expect(await historyOf(t, "log:a")).toEqual([1]);
  });

  test("a connection is closed once, with the first code", async () => {
    await using t = testCore();
    const { socket } = await open(t);
    const codes: number[] = [];
    const close = socket.close.bind(socket);
    socket.close = (code, reason) => {
      codes.push(code);
      close(code, reason);
    };
    await closeStalled(t, socket);
    await t.clock.until(t.core.shutdown(0));
    expect(codes).toEqual([4410]);
  });

  test("a connection that breaks off leaves its channels", async () => {
    await using t = testCore();
    const { socket } = await open(t);
    await subscribe(t, socket, "log:a");
    expect(t.core.stats().subscriptions).toBe(1);
    socket.drop();
    await t.clock.settle();
    expect(t.core.stats()).toMatchObject({ connections: 0, subscriptions: 0 });
  });

  test("[P-CON-6] a later connection of the same person keeps the id of a connection that has ended", async () => {
    await using t = testCore();
    const first = await open(t);
    first.socket.drop();
    const second = await open(t, first.id);
    expect(second.id).toBe(first.id);
  });

  test("a publish that waited for its subscription is not done once its connection has ended", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const { socket } = await open(t);
    faulty.hold();
    socket.send({ type: "subscribe", id: 1, channel: "log:a" });
    socket.send({ type: "publish", id: 2, channel: "log:a", event: "n", data: 2 });
    await t.clock.settle();
    socket.drop();
    faulty.release();
    await t.clock.settle();
    expect(await historyOf(t, "log:a")).toEqual([]);
  });
});

describe("the bounds of a connection", () => {
  test("[G7] at most 256 messages of one connection are in work, and the others wait", async () => {
    let working = 0;
    const ends: (() => void)[] = [];
    const wait = {
      handler: () => {
        working++;
        return new Promise<void>((resolve) => ends.push(resolve));
      },
    };
    await using t = testCore({ methods: { wait }, limits: highRates });
    const { socket } = await open(t);
    for (let id = 0; id < 300; id++) socket.send({ type: "request", id, method: "wait" });
    await t.clock.settle();
    expect(working).toBe(256);
    ends[0]?.();
    await t.clock.settle();
    expect(working).toBe(257);
    for (let n = 1; n < 300; n++) {
      ends[n]?.();
      await t.clock.settle();
    }
    expect(working).toBe(300);
  });

  test("[G7] the messages of one large frame count with their share of its size while they wait", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory, limits: highRates });
    const { socket } = await open(t);
    faulty.hold();
    socket.send({ type: "subscribe", id: "s", channel: "log:a" });
    const data = "x".repeat(250_000);
    for (let n = 0; n < 6; n++) {
      socket.send(
        [1, 2, 3, 4].map((part) => ({
          ...{ type: "publish", id: 10 * n + part, channel: "log:a", event: "e", data },
        })),
      );
    }
    await t.clock.settle();
    const refused = socket.take();
    expect(refused.length).toBeGreaterThan(4);
    expect(refused[0]).toMatchObject({ error: { code: "rate_limited" } });
    faulty.release();
    await t.clock.settle();
  });

  test("[P-MSG-3] a frame of values over the size limit closes the connection with 1009", async () => {
    await using t = testCore({ limits: { maxMessageBytes: 1_000 } });
    const socket = new TestSocket(t.json);
    const events = t.core.connect(socket, { principal: t.user("ada") });
    socket.attach(events);
    events.onBinary(new Uint8Array(1_000), () => parsed([{ type: "ping", id: 1 }]));
    await t.clock.settle();
    expect(socket.closed).toBeUndefined();
    events.onBinary(new Uint8Array(1_001), () => parsed([{ type: "ping", id: 2 }]));
    await t.clock.settle();
    expect(socket.closed?.code).toBe(1009);
  });

  test("[P-END-4] a client can subscribe again to a channel that has ended, also below its limit", async () => {
    await using t = testCore();
    const { socket } = await open(t);
    await subscribe(t, socket, "log:a");
    await t.publish("log:a", "n", 1);
    await t.core.channels.end(t.service, "log:a");
    await t.clock.settle();
    socket.take();
    expect(await subscribe(t, socket, "log:a")).toMatchObject({ result: { channel: "log:a" } });
  });
});

describe("the rights of a connection", () => {
  test("[G10] a connection uses the grants of its new token, and no longer those of the old one", async () => {
    await using t = testCore();
    const { socket } = await open(t);
    const fresh = t.user("ada", { grants: { subscribe: [], publish: ["room:*"] } });
    socket.send({ type: "auth", id: 1, token: t.token(fresh) });
    await t.clock.settle();
    socket.take();
    for (const [id, channel] of [
      [2, "room:1"],
      [3, "log:a"],
    ])
      socket.send({ type: "publish", id, channel, event: "n", data: 1 });
    await t.clock.settle();
    const replies = new Map(socket.take().map((reply) => [reply.id, reply]));
    expect(replies.get(2)).toMatchObject({ result: {} });
    expect(replies.get(3)).toMatchObject({ error: { code: "forbidden" } });
  });

  test("[G10] a connection whose rights cannot be looked up after a revocation is closed with 4102", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const { channel } = await t.core.operations.create(t.service, { kind: "k", user_id: "ada" });
    const { socket } = await open(t);
    await subscribe(t, socket, channel);
    faulty.isDown = true;
    await t.core.connections.revoke(t.service, { user: "ada", grants: ["log:*"] });
    await t.clock.settle();
    expect(socket.closed?.code).toBe(4102);
    faulty.isDown = false;
  });

  test("[P-ACK-1] a durable subscription needs a token that names a user or a session", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user(undefined, { grants }) });
    await t.clock.settle();
    socket.take();
    socket.send({ type: "subscribe", id: 1, channel: "log:a", as: "mailer" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "forbidden" } }]);
  });
});
