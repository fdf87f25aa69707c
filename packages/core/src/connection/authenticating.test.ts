import { FaultyEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { MethodCall } from "../index.ts";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

function anonymous(t: TestCore) {
  return t.connect();
}

describe("authentication by the first message", () => {
  test("[P-CON-1] [P-CON-4] a valid auth is answered with welcome, then its own reply, then subscribed for each channel requested at connect", async () => {
    await using t = testCore();
    const socket = t.connect({ channels: ["user:ada"] });
    const token = t.token(t.user("ada", { session: "s", expiresAt: t.clock.now() + 3_600_000 }));
    socket.send({ type: "auth", id: 1, token });
    await t.clock.settle();
    const messages = socket.take();
    expect(messages.map(({ type }) => type)).toEqual(["welcome", "reply", "subscribed"]);
    expect(messages[0]).toMatchObject({
      session_id: "s",
      user_id: "ada",
      node: "node-1",
      version: "1",
      ping_interval_ms: 30_000,
      limits: { max_message_bytes: 1_048_576, max_subscriptions: 100 },
      expires_at: t.clock.now() + 3_600_000,
    });
    expect(messages[1]).toMatchObject({ id: 1, result: { expires_at: t.clock.now() + 3_600_000 } });
  });

  test("[P-CON-4] each channel requested at connect is answered with subscribed, or with an error reply whose id is null", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user("ada"), channels: ["user:ada", "user:bob"] });
    await t.clock.settle();
    const messages = socket.take();
    expect(messages[0]).toMatchObject({ type: "welcome" });
    expect(messages.slice(1)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "subscribed", channel: "user:ada" }),
        expect.objectContaining({
          type: "reply",
          id: null,
          error: expect.objectContaining({ code: "forbidden" }),
        }),
      ]),
    );
  });

  test("[P-CON-3] a socket without a credential is closed with 4408 after 10 s", async () => {
    await using t = testCore();
    const socket = anonymous(t);
    await t.clock.advance(9_900);
    expect(socket.closed).toBeUndefined();
    await t.clock.advance(200);
    expect(socket.closed?.code).toBe(4408);
    expect(socket.received()).toEqual([]);
  });

  test("[P-CON-3] before auth a ping is answered and a pong accepted; any other message closes with 4401", async () => {
    await using t = testCore();
    for (const message of [
      { type: "subscribe", id: 1, channel: "broadcast" },
      { type: "publish", channel: "broadcast", event: "e", data: 1 },
      { type: "request", id: 1, method: "operations.list" },
      { type: "cancel", id: 1 },
    ]) {
      const socket = anonymous(t);
      socket.send({ type: "ping", id: 7 });
      socket.send({ type: "pong" });
      await t.clock.settle();
      expect(socket.take()).toEqual([{ type: "pong", id: 7 }]);
      socket.send(message);
      await t.clock.settle();
      expect(socket.closed?.code).toBe(4401);
      expect(socket.take()).toEqual([]);
    }
  });

  test("[P-CON-1] nothing is delivered while a token is verified, and messages sent after the auth are handled afterwards", async () => {
    const waiting: (() => void)[] = [];
    await using t = testCore({
      verifyToken: (token) =>
        new Promise((resolve) => {
          waiting.push(() =>
            resolve({
              kind: "user",
              user: token,
              session: undefined,
              grants: { subscribe: [], publish: [] },
              expiresAt: undefined,
            }),
          );
        }),
    });
    const socket = anonymous(t);
    socket.send({ type: "auth", token: "ada" });
    socket.send({ type: "subscribe", id: 1, channel: "user:ada" });
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
    for (const verified of waiting) verified();
    await t.clock.settle();
    expect(socket.take().map(({ type }) => type)).toEqual(["welcome", "reply"]);
  });

  test("[P-CON-2] an invalid token closes with 4401 and an expired one with 4101, before anything is delivered", async () => {
    await using t = testCore();
    const expired = t.token(t.user("ada", { expiresAt: t.clock.now() - 1 }));
    for (const [token, code] of [
      ["forged", 4401],
      [expired, 4101],
    ] as const) {
      const socket = t.connect({ channels: ["broadcast"] });
      socket.send({ type: "auth", id: 1, token });
      await t.clock.settle();
      expect(socket.closed?.code).toBe(code);
      expect(socket.take().map(({ type }) => type)).toEqual(["reply"]);
    }
  });

  test("[G10] a token whose expiry is not a number is refused with 4401, because its connection would never end", async () => {
    await using t = testCore();
    const socket = anonymous(t);
    const token = t.token(t.user("ada", { expiresAt: Number.NaN }));
    socket.send({ type: "auth", id: 1, token });
    await t.clock.settle();
    expect(socket.closed?.code).toBe(4401);
  });

  test("an unreachable token verifier closes the socket with the retryable code 1011", async () => {
    await using t = testCore({ verifyToken: () => Promise.reject(new Error("no keys")) });
    const socket = anonymous(t);
    socket.send({ type: "auth", token: "any" });
    await t.clock.settle();
    expect(socket.closed?.code).toBe(1011);
    expect(t.faults).toHaveLength(1);
  });

  test.each(["session", "sessionId"])(
    "[P-CON-3] an auth whose %s is another session than that of its token is closed with 4403",
    async (name) => {
      await using t = testCore();
      const token = t.token(t.user("ada", { session: "s" }));
      const socket = anonymous(t);
      socket.send({ type: "auth", token, [name]: "other" });
      await t.clock.settle();
      expect(socket.closed?.code).toBe(4403);
      expect(socket.take()).toEqual([]);
      const own = anonymous(t);
      own.send({ type: "auth", token, [name]: "s" });
      await t.clock.settle();
      expect(own.take()).toMatchObject([{ type: "welcome", session_id: "s" }]);
    },
  );

  test("[P-CON-3] an auth that names two different sessions is refused with bad_message", async () => {
    await using t = testCore();
    const socket = anonymous(t);
    const token = t.token(t.user("ada", { session: "s" }));
    socket.send({ type: "auth", id: 1, token, session: "s", sessionId: "t" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "bad_message" } }]);
  });
});

describe("token expiry", () => {
  test("[P-CON-8] [G10] the expiry of a token is announced 60 s ahead and closes the socket with 4101 within 5 s", async () => {
    await using t = testCore();
    const expiresAt = t.clock.now() + 130_000;
    const socket = t.connect({ principal: t.user("ada", { expiresAt }) });
    const alive = async (ms: number) => {
      await t.clock.advance(ms);
      socket.pong();
    };
    await alive(29_000);
    await alive(40_000);
    expect(socket.take().map(({ type }) => type)).toEqual(["welcome"]);
    await alive(1_100);
    expect(socket.take()).toEqual([
      { type: "notice", code: "token_expiring", expires_at: expiresAt },
    ]);
    await alive(30_000);
    await alive(28_000);
    expect(socket.closed).toBeUndefined();
    await t.clock.advance(5_000);
    expect(socket.closed?.code).toBe(4101);
  });

  test("[P-CON-8] [G10] a connection is closed within 5 s after the wall clock jumps past the expiry of its token", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user("ada", { expiresAt: t.clock.now() + 600_000 }) });
    await t.clock.advance(1_000);
    t.clock.jump(600_000);
    await t.clock.advance(5_000);
    expect(socket.closed?.code).toBe(4101);
  });

  test("[P-CON-8] the expiry of a short-lived token is announced when half of its lifetime has passed", async () => {
    await using t = testCore();
    const expiresAt = t.clock.now() + 20_000;
    const socket = t.connect({ principal: t.user("ada", { expiresAt }) });
    await t.clock.advance(9_000);
    expect(socket.take().map(({ type }) => type)).toEqual(["welcome"]);
    await t.clock.advance(1_100);
    expect(socket.take().map(({ type }) => type)).toEqual(["notice"]);
    await t.clock.advance(10_000);
    expect(socket.closed?.code).toBe(4101);
  });

  test("[P-CONS-2] a connection of a service closes with 4101 when its token expires, and no other token extends it", async () => {
    await using t = testCore();
    const expiresAt = t.clock.now() + 20_000;
    const socket = t.connect({ principal: { ...t.service, expiresAt } });
    await t.clock.advance(10_100);
    socket.send({ type: "auth", id: 1, token: t.token(t.user("ada")) });
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ id: 1, error: { code: "forbidden" } });
    await t.clock.advance(10_000);
    expect(socket.closed?.code).toBe(4101);
  });

  test("[P-CON-8] an auth with a new token of the same user and session extends the connection without a break", async () => {
    await using t = testCore();
    const principal = t.user("ada", { session: "s", expiresAt: t.clock.now() + 30_000 });
    const socket = t.connect({ principal, channels: ["user:ada"] });
    await t.clock.advance(20_000);
    const expiresAt = t.clock.now() + 600_000;
    socket.send({ type: "auth", id: 9, token: t.token({ ...principal, expiresAt }) });
    await t.clock.settle();
    expect(socket.take().at(-1)).toEqual({
      type: "reply",
      id: 9,
      result: { expires_at: expiresAt },
    });
    await t.clock.advance(40_000);
    expect(socket.closed).toBeUndefined();
    await t.publish("user:ada", "hello", 1);
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ event: "hello" });
  });

  test("[P-CON-8] an auth with an invalid token, or of another user or session, is refused and changes nothing", async () => {
    await using t = testCore();
    const principal = t.user("ada", { session: "s", expiresAt: t.clock.now() + 50_000 });
    const socket = t.connect({ principal });
    await t.clock.settle();
    socket.take();
    const others = [
      t.user("bob", { session: "s" }),
      t.user("ada", { session: "other" }),
      t.user("ada"),
    ];
    for (const other of others) {
      socket.send({ type: "auth", id: 1, token: t.token(other) });
      await t.clock.settle();
      expect(socket.take()).toMatchObject([{ type: "reply", id: 1, error: { code: "forbidden" } }]);
    }
    socket.send({ type: "auth", id: 2, token: "forged" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 2, error: { code: "unauthenticated" } }]);
    expect(socket.closed).toBeUndefined();
    await t.clock.advance(50_100);
    expect(socket.closed?.code).toBe(4101);
  });

  test("[G10] a new token with fewer grants ends the subscriptions that it does not allow", async () => {
    await using t = testCore();
    const wide = t.user("ada", { grants: { subscribe: ["team:*"], publish: [] } });
    const socket = t.connect({ principal: wide, channels: ["team:1", "user:ada"] });
    await t.clock.settle();
    socket.take();
    socket.send({ type: "auth", id: 1, token: t.token(t.user("ada")) });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "unsubscribed", channel: "team:1", reason: "forbidden" },
      { type: "reply", id: 1 },
    ]);
    await t.publish("team:1", "secret", 1);
    await t.publish("user:ada", "own", 1);
    await t.clock.settle();
    expect(socket.take().map(({ event }) => event)).toEqual(["own"]);
  });
});

describe("new tokens and permissions that need a look-up", () => {
  async function reading(t: TestCore, owner: string): Promise<[TestSocket, string]> {
    const { operation, channel } = await t.core.operations.create(t.service, {
      kind: "index",
      user_id: owner,
    });
    const grants = { subscribe: ["operation:*"], publish: [] };
    const socket = t.connect({ principal: t.user("ada", { grants }), channels: [channel] });
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ type: "subscribed" });
    return [socket, operation.id];
  }

  test("[G10] [P-OP-10] a new token without the operation:* grant makes the subscription to another user's operation pending", async () => {
    await using t = testCore();
    const [socket, id] = await reading(t, "bob");
    socket.send({ type: "auth", id: 1, token: t.token(t.user("ada")) });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "subscribed", channel: `operation:${id}`, pending: true },
      { type: "reply", id: 1 },
    ]);
    await t.core.operations.command(t.service, id, { command: "cancel" });
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
  });

  test("[G10] a new token without the operation:* grant keeps the subscription to the user's own operation", async () => {
    await using t = testCore();
    const [socket] = await reading(t, "ada");
    socket.send({ type: "auth", id: 1, token: t.token(t.user("ada")) });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ type: "reply", id: 1, result: {} }]);
  });

  test("[P-CON-8] a new token is refused with a retryable error when permissions cannot be looked up, and the old token stays valid", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const [socket] = await reading(t, "bob");
    faulty.isDown = true;
    socket.send({ type: "auth", id: 1, token: t.token(t.user("ada")) });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "reply", id: 1, error: { code: "store_unavailable", retryable: true } },
    ]);
    faulty.isDown = false;
  });

  test("[G10] a grant that is revoked while the permissions of a new token are looked up stays revoked", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const { channel: own } = await t.core.operations.create(t.service, {
      kind: "index",
      user_id: "ada",
    });
    const principal = t.user("ada", { grants: { subscribe: ["team:*"], publish: [] } });
    const socket = t.connect({ principal, channels: [own] });
    await t.clock.settle();
    socket.take();
    faulty.hold();
    socket.send({ type: "auth", id: 1, token: t.token(principal) });
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
    await t.core.connections.revoke(t.service, { user: "ada", grants: ["team:*"] });
    faulty.release();
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ type: "reply", id: 1, result: {} }]);
    socket.send({ type: "subscribe", id: 2, channel: "team:1" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 2, error: { code: "forbidden" } }]);
  });
});

describe("heartbeats", () => {
  test("[P-CLOSE-3] the server pings every 30 s and closes with 4003 after 60 s without a message or pong", async () => {
    await using t = testCore();
    const silent = t.connect({ principal: t.user("ada") });
    const answers = t.connect({ principal: t.user("bob") });
    const chatty = t.connect({ principal: t.user("eve") });
    for (let s = 0; s < 120; s += 15) {
      await t.clock.advance(15_000);
      if (s % 30 === 15) answers.pong();
      chatty.send({ type: "ping" });
    }
    expect(silent.closed?.code).toBe(4003);
    expect(silent.pings).toBe(1);
    expect(answers.closed).toBeUndefined();
    expect(answers.pings).toBe(4);
    expect(chatty.closed).toBeUndefined();
  });

  test("a connection that does not answer a ping counts as dead in the statistics before it is closed", async () => {
    await using t = testCore();
    t.connect({ principal: t.user("ada") });
    const lives = t.connect({ principal: t.user("bob") });
    await t.clock.advance(40_000);
    lives.pong();
    expect(t.core.stats()).toMatchObject({ connections: 2, dead: 1 });
  });
});

describe("replacing a connection", () => {
  test("[P-CON-6] a connection of the same user and session replaces the old one and keeps its id, and the old one closes with 4001", async () => {
    await using t = testCore();
    const principal = t.user("ada", { session: "s" });
    const old = t.connect({ principal });
    await t.clock.settle();
    const id = old.take()[0]?.connection_id as string;
    const next = t.connect({ principal, connectionId: id });
    await t.clock.settle();
    expect(old.closed?.code).toBe(4001);
    expect(next.take()[0]).toMatchObject({ connection_id: id });
    // Closing the old connection must not take the id from the new one.
    const third = t.connect({ principal, connectionId: id });
    await t.clock.settle();
    expect(next.closed?.code).toBe(4001);
    expect(third.take()[0]).toMatchObject({ connection_id: id });
    expect(t.core.stats().connections).toBe(1);
  });

  test("[P-CON-6] an unknown connection id, or one of another user or session, is ignored, and the connection receives a new id", async () => {
    await using t = testCore();
    const victim = t.connect({ principal: t.user("ada", { session: "s" }) });
    await t.clock.settle();
    const connectionId = victim.take()[0]?.connection_id as string;
    const thieves = [t.user("eve", { session: "s" }), t.user("ada"), t.user(undefined)];
    for (const principal of thieves) {
      const thief = t.connect({ principal, connectionId });
      await t.clock.settle();
      expect(thief.take()[0]?.connection_id).not.toBe(connectionId);
    }
    const stranger = t.connect({
      principal: t.user("ada", { session: "s" }),
      connectionId: "made-up",
    });
    await t.clock.settle();
    expect(stranger.take()[0]?.connection_id).not.toBe("made-up");
    expect(victim.closed).toBeUndefined();
  });

  test("[P-CON-6] an anonymous connection does not replace another anonymous connection", async () => {
    await using t = testCore();
    const first = t.connect({ principal: t.user(undefined) });
    await t.clock.settle();
    const connectionId = first.take()[0]?.connection_id as string;
    t.connect({ principal: t.user(undefined), connectionId });
    await t.clock.settle();
    expect(first.closed).toBeUndefined();
  });
});

test("[P-CON-9] a node at its connection limit closes further connections and feeds with 1013", async () => {
  await using t = testCore({ limits: { maxConnections: 2 } });
  const [first] = [t.connect({ principal: t.user("a") }), t.connect({ principal: t.user("b") })];
  const third = t.connect({ principal: t.user("c") });
  const feed = t.connectFeed("s", t.user("c", { session: "s" }));
  await t.clock.settle();
  expect(third.closed?.code).toBe(1013);
  expect(feed.closed?.code).toBe(1013);
  first?.drop();
  const fourth = t.connect({ principal: t.user("d") });
  await t.clock.settle();
  expect(fourth.take()[0]).toMatchObject({ type: "welcome" });
});

test("[P-CON-9] [P-UP-3] an upstream request without a stream is not counted as a connection, but a revocation or shutdown ends it", async () => {
  const slow = {
    handler: (_: unknown, { signal }: MethodCall) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  };
  await using t = testCore({ limits: { maxConnections: 1 }, methods: { slow } });
  const request = JSON.stringify({ type: "request", id: 1, method: "slow" });
  const before = t.core.stats();
  const ended = [
    t.core.handleUpstream(t.user("ada"), "-", request),
    t.core.handleUpstream(t.user("bob"), "-", request),
  ];
  await t.clock.settle();
  expect(t.core.stats()).toEqual(before);
  const socket = t.connect({ principal: t.user("cy") });
  await t.clock.settle();
  expect(socket.take()).toMatchObject([{ type: "welcome" }]);
  await t.core.connections.revoke(t.service, { user: "ada" });
  expect(await ended[0]).toMatchObject([{ id: 1, error: { code: "timed_out" } }]);
  socket.drop();
  let isShutDown = false;
  void t.core.shutdown(1_000).then(() => (isShutDown = true));
  await t.clock.advance(500);
  expect(isShutDown).toBe(false);
  await t.clock.advance(5_000);
  expect(await ended[1]).toMatchObject([{ id: 1, error: { code: "timed_out" } }]);
  expect(isShutDown).toBe(true);
});
