import { describe, expect, it } from "vitest";
import { apiKey, startGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const sdk = { subprotocols: ["milepost.v1.json"] };
const scoped = {
  name: "scoped",
  key: "key-of-a-scoped-service",
  scopes: ["subscribe:chat:*", "publish:chat:7"],
};

describe("services on connections", () => {
  it("[P-CON-14] a backend connects by WebSocket with its API key: welcome names no user, and it reads and publishes", async () => {
    await using server = await startGateway({ node: "here" });
    const socket = await server.socket("/ws", { token: apiKey, ...sdk });
    const welcome = await socket.nextOf("welcome");
    expect(welcome).toMatchObject({ user_id: null, session_id: null, expires_at: null });
    expect(welcome).not.toHaveProperty("user_channel");
    socket.send({ type: "subscribe", id: 1, channel: "orders:1", presence: true });
    socket.send({ type: "subscribe", id: 2, channel: "user:ann~40example.com" });
    expect((await socket.nextOf("reply")).error?.code).not.toBe("forbidden");
    expect((await socket.nextOf("reply")).error).toBeUndefined();
    await server.call("POST", `/v1/users/${encodeURIComponent("ann@example.com")}/notifications`, {
      body: { message: "Hello" },
    });
    expect(await socket.nextOf("event")).toMatchObject({ channel: "user:ann~40example.com" });
    socket.send({ type: "publish", id: 3, channel: "chat:1", event: "note", data: 1 });
    const published = await socket.nextOf("reply");
    expect(published).toMatchObject({ id: 3, result: { duplicate: false } });
    const { body } = await server.call("GET", "/v1/connections?node=here");
    expect(body.connections).toEqual([
      {
        connection_id: welcome.connection_id,
        node: "here",
        consumer: "websocket",
        since: expect.any(Number),
      },
    ]);
    await server.call("DELETE", `/v1/connections/${welcome.connection_id}`);
    expect((await socket.closed).code).toBe(4410);
  });

  it("[P-CON-14] a service on a connection has the scopes of its key and no more", async () => {
    await using server = await startGateway({ auth: { apiKeys: [scoped] } });
    const socket = await server.socket("/ws", { token: scoped.key, ...sdk });
    await socket.nextOf("welcome");
    for (const [id, message, code] of [
      [1, { type: "subscribe", channel: "chat:1" }, undefined],
      [2, { type: "subscribe", channel: "user:7" }, "forbidden"],
      [3, { type: "publish", channel: "chat:7", event: "e", data: 1 }, undefined],
      [4, { type: "publish", channel: "chat:8", event: "e", data: 1 }, "forbidden"],
      [5, { type: "request", method: "operations.list" }, "forbidden"],
      [6, { type: "auth", token: await server.token() }, "forbidden"],
    ] as const) {
      socket.send({ ...message, id });
      expect([id, (await socket.nextOf("reply")).error?.code]).toEqual([id, code]);
    }
  });

  it("[P-CON-14] a service is no member of a channel, and two of its connections are one owner", async () => {
    await using server = await startGateway();
    const one = await server.socket("/ws", { token: apiKey, ...sdk });
    const { connection_id } = await one.nextOf("welcome");
    one.send({ type: "subscribe", id: 1, channel: "chat:1", presence: true });
    expect((await one.nextOf("reply")).result.presence).toMatchObject({ members: [], count: 0 });
    const path = `/ws?connection_id=${connection_id}`;
    const two = await server.socket(path, { token: apiKey, ...sdk });
    expect((await two.nextOf("welcome")).connection_id).toBe(connection_id);
    expect((await one.closed).code).toBe(4001);
    const user = await server.socket(path, sdk);
    expect((await user.nextOf("welcome")).connection_id).not.toBe(connection_id);
  });

  it("[P-CON-14] a connection ends with the expiry of its API key", async () => {
    const expiresAt = new Date(Date.now() + 1_000).toISOString();
    const key = "key-that-expires-soon";
    await using server = await startGateway({
      auth: { apiKeys: [{ name: "brief", key, expiresAt }] },
    });
    const socket = await server.socket("/ws", { token: key, ...sdk });
    expect((await socket.nextOf("welcome")).expires_at).toBe(Date.parse(expiresAt));
    expect((await socket.closed).code).toBe(4101);
    const late = await server.socket("/ws", { token: key });
    expect(await late.closed).toEqual({
      code: 4401,
      reason: "this API key has expired; use its successor",
    });
  });

  it("[P-CON-14] an API key counts in the Authorization header only, at every door", async () => {
    await using server = await startGateway();
    const refused = [
      server.socket(`/ws?token=${apiKey}`, { token: null }),
      server.socket("/ws", { token: null, subprotocols: [`milepost.token.${apiKey}`] }),
    ];
    for (const socket of await Promise.all(refused)) {
      expect((await socket.closed).code).toBe(4401);
    }
    const late = await server.socket("/ws", { token: null, ...sdk });
    late.send({ type: "auth", id: 1, token: apiKey });
    expect((await late.closed).code).toBe(4401);
    const feed = await server.socket("/ws/progress/s1", { token: apiKey });
    expect(await feed.closed).toEqual({ code: 1008, reason: "Invalid session" });
  });

  it("[P-CON-14] a backend reads an event stream and polls with its API key", async () => {
    await using server = await startGateway();
    const stream = await TestStream.open(
      `${server.url}/v1/sse?channels=user:7&dialect=milepost.v1.json`,
      {
        token: apiKey,
      },
    );
    expect(await stream.nextOf("welcome")).toMatchObject({ user_id: null });
    const polled = await server.call("POST", "/v1/poll", { body: [] });
    expect(polled.status).toBe(200);
  });
});
