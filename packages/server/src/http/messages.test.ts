import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

async function streaming(server: TestGateway, query = "") {
  const token = await server.token();
  const stream = await TestStream.open(`${server.url}/v1/sse?${query}`, { token });
  const { connection_id: id } = await stream.next();
  const send = (body: unknown, { as = token, to = id, replies = "body" } = {}) =>
    server.call("POST", `/v1/connections/${to}/messages?replies=${replies}`, {
      credential: as,
      body,
    });
  return { stream, token, id: id as string, send };
}

describe("POST /v1/connections/{id}/messages", () => {
  it("[P-UP-1] messages sent upstream are answered in order, with one reply for each that has an id", async () => {
    await using server = await startGateway();
    const { send } = await streaming(server);
    const publish = { type: "publish", channel: "chat:42", event: "n", data: 1 };
    const { status, body } = await send([
      { ...publish, id: 1, key: "k" },
      { ...publish, data: 2 },
      { ...publish, id: "again", key: "k" },
      { type: "request", id: 3, method: "history.get", params: { channel: "chat:42" } },
      { ...publish, id: 4, channel: "user:8" },
      { type: "request", id: 5, method: "none" },
      { type: "ping", id: 6 },
      { type: "nonsense", id: 7 },
      7,
    ]);
    expect(status).toBe(200);
    expect(body).toMatchObject([
      { type: "reply", id: 1, result: { channel: "chat:42", duplicate: false } },
      {
        type: "reply",
        id: "again",
        result: { position: body[0].result.position, duplicate: true },
      },
      { type: "reply", id: 3, result: { entries: [{ data: 1 }, { data: 2 }] } },
      { type: "reply", id: 4, error: { code: "forbidden" } },
      { type: "reply", id: 5, error: { code: "unknown_method" } },
      { type: "pong", id: 6 },
      { type: "reply", id: 7, error: { code: "unknown_type" } },
      { type: "reply", id: null, error: { code: "bad_message" } },
    ]);
  });

  it("[P-UP-1] a single upstream message may be sent without an array", async () => {
    await using server = await startGateway();
    const { send } = await streaming(server);
    expect((await send({ type: "ping", id: 1 })).body).toEqual([{ type: "pong", id: 1 }]);
  });

  it("[P-UP-2] upstream messages add and remove channels of an SSE stream, and its cursor includes the new channel", async () => {
    await using server = await startGateway();
    const { stream, send } = await streaming(server, "channels=chat:a");
    await stream.nextOf("subscribed");
    const { position } = await server.gateway.publish("chat:b", "n", 1);
    await server.gateway.publish("chat:b", "n", 2);
    const subscribed = await send({ type: "subscribe", id: 1, channel: "chat:b", since: position });
    expect(subscribed.body).toMatchObject([{ id: 1, result: { recovered: true } }]);
    const { id, message } = await stream.nextEvent();
    expect(message).toMatchObject({ type: "n", channel: "chat:b", data: 2 });
    expect(id).toMatch(/chat:a@.*chat:b@/);
    const twice = await send({ type: "subscribe", id: 2, channel: "chat:b" });
    expect(twice.body).toMatchObject([{ id: 2, error: { code: "already_subscribed" } }]);
    const left = await send({ type: "unsubscribe", id: 3, channel: "chat:b" });
    expect(left.body).toMatchObject([{ id: 3, result: { channel: "chat:b" } }]);
    await server.gateway.publish("chat:b", "n", 3);
    await server.gateway.publish("chat:a", "n", 4);
    expect(await stream.next()).toMatchObject({ channel: "chat:a", data: 4 });
  });

  it("[P-UP-2] an upstream auth message extends a stream only with a new token of the same user and session", async () => {
    await using server = await startGateway();
    const { stream, send } = await streaming(server);
    const foreign = await server.token({ user: "8", session: "s1" });
    expect((await send({ type: "auth", id: 1, token: foreign })).body).toMatchObject([
      { id: 1, error: { code: "forbidden" } },
    ]);
    const token = await server.token({ user: "7", session: "s1", ttlMs: 2_000 });
    const { body } = await send({ type: "auth", id: 2, token });
    expect(body).toMatchObject([{ id: 2, result: { expires_at: expect.any(Number) } }]);
    expect(await stream.next()).toMatchObject({ type: "notice", code: "token_expiring" });
  });

  it("[P-UP-3] messages for another user's or session's stream are answered as if that stream did not exist", async () => {
    await using server = await startGateway();
    const { stream, id, send } = await streaming(server, "channels=chat:a");
    await stream.nextOf("subscribed");
    const others = [
      await server.token({ user: "8", session: "s1", channels: { publish: ["chat:*"] } }),
      await server.token({ user: "7", session: "s2", channels: { publish: ["chat:*"] } }),
    ];
    for (const as of others) {
      for (const to of [id, "-", "nobody"]) {
        const { status, body } = await send(
          [
            { type: "subscribe", id: 1, channel: "broadcast" },
            { type: "unsubscribe", id: 2, channel: "chat:a" },
            { type: "auth", id: 3, token: as },
            { type: "cancel", id: 4 },
            { type: "publish", id: 5, channel: "chat:b", event: "n", data: 1 },
            { type: "request", id: 6, method: "operations.list" },
            { type: "ping", id: 7 },
          ],
          { as, to },
        );
        expect(status).toBe(200);
        const missing = { error: { code: "not_found" } };
        expect(body).toMatchObject([
          ...[1, 2, 3].map((n) => ({ id: n, ...missing })),
          { id: 5, result: { duplicate: false } },
          { id: 6, result: { operations: [] } },
          { type: "pong", id: 7 },
        ]);
        const passed = await send([{ type: "ping" }], { as, to, replies: "stream" });
        expect([passed.status, passed.body.code]).toEqual([404, "not_found"]);
      }
    }
    await server.gateway.publish("chat:a", "n", 1);
    expect(await stream.next()).toMatchObject({ data: 1 });
    expect(server.gateway.stats().connections).toBe(1);
  });

  it("[P-UP-4] replies=stream sends the replies through the stream, each before the entries that its message causes", async () => {
    await using server = await startGateway();
    const { stream, send } = await streaming(server, "dialect=milepost.v1.json");
    await server.gateway.publish("chat:a", "n", 1);
    const { status, body } = await send(
      [
        { type: "subscribe", id: 1, channel: "chat:a", since: "start" },
        { type: "publish", id: 2, channel: "chat:a", event: "n", data: 2 },
      ],
      { replies: "stream" },
    );
    expect([status, body]).toEqual([202, []]);
    expect(await stream.next()).toMatchObject({ type: "reply", id: 1 });
    expect(await stream.next()).toMatchObject({ type: "event", data: 1 });
    const rest = [await stream.next(), await stream.next()];
    expect(rest).toContainEqual(expect.objectContaining({ type: "reply", id: 2 }));
    expect(rest).toContainEqual(expect.objectContaining({ type: "event", data: 2 }));
  });

  it("[P-UP-5] upstream messages take effect even when the sender disconnects", async () => {
    await using server = await startGateway();
    const { stream, token, id } = await streaming(server, "channels=chat:a");
    await stream.nextOf("subscribed");
    const leaving = new AbortController();
    const asked = server.call("POST", `/v1/connections/${id}/messages`, {
      credential: token,
      body: [{ type: "publish", id: 1, channel: "chat:a", event: "n", data: 1 }],
      signal: leaving.signal,
    });
    expect(await stream.nextOf("n")).toMatchObject({ data: 1 });
    leaving.abort();
    await asked.catch(() => {});
    await server.gateway.publish("chat:a", "n", 2);
    expect(await stream.nextOf("n")).toMatchObject({ data: 2 });
  });

  it("[P-MSG-4] each upstream request is answered once, even when the stream ends meanwhile", async () => {
    await using server = await startGateway();
    const { stream, send } = await streaming(server);
    const replies = Promise.all(
      Array.from({ length: 20 }, (_, id) =>
        send([{ type: "request", id, method: "operations.list" }]),
      ),
    );
    stream.cut();
    for (const [id, { status, body }] of (await replies).entries()) {
      expect([status, body.map((reply: { id: number }) => reply.id)]).toEqual([200, [id]]);
    }
    while (server.gateway.stats().connections > 0) await tick();
  });

  it("upstream messages are refused as a whole when the body is unreadable or too large, or without a credential", async () => {
    await using server = await startGateway();
    const { send } = await streaming(server);
    for (const [body, status, code] of [
      ["{", 400, "bad_json"],
      [JSON.stringify(Array.from({ length: 1_001 }, () => ({ type: "ping" }))), 413, "too_large"],
      [`"${"x".repeat(1_100_000)}"`, 413, "too_large"],
    ] as const) {
      const answer = await send(body);
      expect([answer.status, answer.body.code]).toEqual([status, code]);
    }
    expect((await send([], { as: "nonsense" })).status).toBe(401);
    expect((await send([], { replies: "nowhere" })).status).toBe(400);
  });
});
