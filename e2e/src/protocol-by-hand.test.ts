import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBareSocket } from "./fixtures/bare-socket.ts";
import { type Served, secrets, serveGateway } from "./fixtures/served.ts";

/** Returns a token made as any backend could make one: HS256 without a library of Milepost. */
function token(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1_000);
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iat: now, exp: now + 600, ...claims })}`;
  return `${text}.${createHmac("sha256", secrets.tokenSecret).update(text).digest("base64url")}`;
}

describe("a client that knows only the pages of docs/protocol.md", () => {
  let served: Served;
  let ws: string;

  beforeAll(async () => {
    served = await serveGateway();
    ws = served.url.replace("http", "ws");
  });
  afterAll(async () => {
    await served?.[Symbol.asyncDispose]();
  });

  async function call(method: string, path: string, body?: unknown, key: string = secrets.apiKey) {
    const answer = await fetch(`${served.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  async function newOperation(owner: { session_id?: string; user_id?: string }) {
    const { status, body } = await call("POST", "/v1/operations", {
      kind: "demo",
      title: "By hand",
      steps: [{ id: "a" }, { id: "b", weight: 3 }],
      ...owner,
    });
    expect(status).toBe(201);
    const report = (...events: { event: string; data: unknown; key?: string }[]) =>
      call("POST", `/v1/operations/${body.operation.id}/events`, {
        lease: body.lease.token,
        events,
      });
    return { id: body.operation.id as string, channel: body.channel as string, report };
  }

  test("[P-CON-4] [P-SUB-2] a client watches an operation by connecting to its path, and GET returns the final state", async () => {
    const operation = await newOperation({ session_id: "s1" });
    await using socket = await openBareSocket(`${ws}/ws/operation/${operation.id}`, {
      token: token({ sub: "u1", sid: "s1" }),
    });
    const subscribed = await socket.next(({ type }) => type === "subscribed");
    expect(socket.messages[0]).toMatchObject({ type: "welcome", session_id: "s1", version: "1" });
    expect(subscribed).toMatchObject({
      channel: operation.channel,
      snapshot: { projection: "operation", state: { status: "waiting", percent: 0 } },
    });
    await operation.report(
      { event: "started", data: {} },
      { event: "step", data: { id: "a", status: "done" } },
      { event: "done", data: { result: 7 } },
    );
    const done = await socket.next(({ type }) => type === "done");
    expect(done).toMatchObject({ channel: operation.channel, data: { result: 7 } });
    expect(new Date(String(done.timestamp)).toISOString()).toBe(done.timestamp);
    const { body } = await call("GET", `/v1/operations/${operation.id}`);
    expect(body.operation).toMatchObject({ status: "done", percent: 100, result: 7 });
  });

  test("[P-SUB-3] [P-SUB-11] [P-POS-2] a client resumes several channels from the last event_id alone", async () => {
    const sub = token({ sub: "u2", sid: "s2", channels: { subscribe: ["room:*"], publish: [] } });
    const publish = (channel: string, n: number) =>
      call("POST", "/v1/publish", { channel, event: "tick", data: n });
    const first = await openBareSocket(`${ws}/ws?channels=room:a,room:b`, { token: sub });
    await first.next(({ type, channel }) => type === "subscribed" && channel === "room:b");
    await publish("room:a", 1);
    await publish("room:b", 2);
    const last = await first.next(({ type, data }) => type === "tick" && data === 2);
    first.cut();
    await first.closed;
    await publish("room:a", 3);
    await publish("room:b", 4);
    const query = `last_event_id=${encodeURIComponent(String(last.event_id))}`;
    await using again = await openBareSocket(`${ws}/ws?${query}`, { token: sub });
    await again.next(({ type, data }) => type === "tick" && data === 3);
    await again.next(({ type, data }) => type === "tick" && data === 4);
    expect(again.messages.filter(({ type }) => type === "subscribed")).toMatchObject([
      { recovered: true },
      { recovered: true },
    ]);
    expect(again.messages.filter(({ type }) => type === "tick")).toHaveLength(2);
  });

  test("[P-CMD-1] [P-CMD-6] a user's command reaches a producer that waits for it, and the user sees its outcome", async () => {
    const operation = await newOperation({ user_id: "u3" });
    await operation.report({ event: "started", data: {} });
    const waiting = call("GET", `/v1/operations/${operation.id}/commands?wait=20`);
    const asked = await call(
      "POST",
      `/v1/operations/${operation.id}/commands`,
      { command: "cancel" },
      token({ sub: "u3" }),
    );
    expect(asked).toMatchObject({ status: 202, body: { phase: "requested" } });
    const { commands } = (await waiting).body;
    expect(commands).toMatchObject([{ command: "cancel", command_id: asked.body.command_id }]);
    const told = { command_id: asked.body.command_id, command: "cancel" };
    await operation.report(
      { event: "command", data: { ...told, phase: "acknowledged" } },
      { event: "cancelled", data: { reason: "asked to" } },
      { event: "command", data: { ...told, phase: "done" } },
    );
    const { body } = await call(
      "GET",
      `/v1/operations/${operation.id}`,
      undefined,
      token({ sub: "u3" }),
    );
    expect(body.operation).toMatchObject({
      status: "cancelled",
      commands: [{ command: "cancel", phase: "done" }],
    });
  });

  test("[P-FEED-1] [P-FEED-2] [P-FEED-3] a session's feed carries documents of its own operations and refuses other sessions", async () => {
    const mine = await newOperation({ session_id: "s4" });
    const other = await newOperation({ session_id: "s5" });
    await using feed = await openBareSocket(`${ws}/ws/progress/s4`, {
      token: token({ sid: "s4" }),
    });
    await feed.next(({ transaction_id }) => transaction_id === mine.id);
    await other.report({ event: "started", data: {} });
    await mine.report(
      { event: "started", data: {} },
      { event: "agent", data: { id: "reader", tasks: ["page 1"] } },
      { event: "log", data: { level: "warning", message: "page 2 is torn" } },
      { event: "done", data: {} },
    );
    const last = await feed.next(({ status }) => status === "done");
    expect(last).toMatchObject({
      type: "progress_update",
      session_id: "s4",
      transaction_id: mine.id,
      percent: 100,
      events: [{ level: "warning", message: "page 2 is torn" }],
      execution_order: ["reader"],
    });
    expect(feed.messages.every(({ transaction_id }) => transaction_id === mine.id)).toBe(true);

    const refused = await openBareSocket(`${ws}/ws/progress/s4`, { token: token({ sid: "s5" }) });
    expect(await refused.closed).toEqual({ code: 1008, reason: "Invalid session" });
    expect(refused.messages).toEqual([]);
  });

  test("[P-CON-2] wrongly signed, expired and malformed credentials close with their code and deliver nothing", async () => {
    const foreign = `${token({ sub: "u" }).slice(0, -4)}AAAA`;
    const cases = [
      [foreign, 4401],
      [token({ sub: "u", exp: 1_000_000_000 }), 4101],
      ["not.a.token", 4401],
    ] as const;
    for (const [bad, code] of cases) {
      const socket = await openBareSocket(`${ws}/ws`, { token: bad });
      expect((await socket.closed).code).toBe(code);
      expect(socket.messages).toEqual([]);
    }
  });

  test("[P-MSG-1] [P-NAME-1] a bad message gets a reply with a stable code, and the socket stays open", async () => {
    await using socket = await openBareSocket(`${ws}/ws`, { token: token({ sub: "u6" }) });
    const cases: readonly (readonly [unknown, string])[] = [
      ["{", "bad_json"],
      ["[1]", "bad_message"],
      [{ type: "fly", id: 1 }, "unknown_type"],
      [{ type: "subscribe", id: 2, channel: "user:*:x" }, "invalid_channel"],
      [{ type: "subscribe", id: 3, channel: "user:u6\nINFO" }, "invalid_channel"],
      [{ type: "subscribe", id: 4, channel: 7 }, "invalid_channel"],
      [{ type: "subscribe", id: 5, channel: "user:u6", since: "soon" }, "invalid_position"],
      [{ type: "publish", id: 6, channel: "user:u6", event: "welcome", data: 1 }, "invalid_event"],
      [{ type: "request", id: 7, method: "no.such" }, "unknown_method"],
      [{ type: "subscribe", id: 8, channel: "user:somebody-else" }, "forbidden"],
    ];
    for (const [i, [message, code]] of cases.entries()) {
      socket.send(message);
      const replies = () => socket.messages.filter(({ type }) => type === "reply");
      await socket.next(() => replies().length > i);
      expect(replies()[i], JSON.stringify(message)).toMatchObject({ error: { code } });
    }
    socket.send({ type: "subscribe", id: 99, channel: "user:u6" });
    expect(await socket.next(({ id }) => id === 99)).toMatchObject({
      result: { channel: "user:u6" },
    });
  });

  test("[P-MSG-3] a frame of 2 MiB closes its own connection with 1009 and no other", async () => {
    await using healthy = await openBareSocket(`${ws}/ws`, { token: token({ sub: "u7" }) });
    const socket = await openBareSocket(`${ws}/ws`, { token: token({ sub: "u8" }) });
    await socket.next(({ type }) => type === "welcome");
    socket.send(JSON.stringify({ type: "ping", id: "x".repeat(2 * 1024 * 1024) }));
    expect((await socket.closed).code).toBe(1009);
    healthy.send({ type: "ping", id: 1 });
    expect(await healthy.next(({ type }) => type === "pong")).toMatchObject({
      type: "pong",
      id: 1,
    });
  });

  test("[P-OP-7] an operation of another user has the same answers as one that does not exist: not_found, and a pending subscription", async () => {
    const operation = await newOperation({ user_id: "owner" });
    const stranger = token({ sub: "stranger" });
    for (const id of [operation.id, "absent"]) {
      const get = await call("GET", `/v1/operations/${id}`, undefined, stranger);
      expect(get).toMatchObject({ status: 404, body: { code: "not_found" } });
      const command = { command: "cancel" };
      const cancel = await call("POST", `/v1/operations/${id}/commands`, command, stranger);
      expect(cancel).toMatchObject({ status: 404, body: { code: "not_found" } });
      await using socket = await openBareSocket(`${ws}/ws/operation/${id}`, { token: stranger });
      expect(await socket.next(({ type }) => type === "subscribed")).toEqual({
        type: "subscribed",
        channel: `operation:${id}`,
        position: "pending.0.0",
        recovered: false,
        pending: true,
        event_id: `operation:${id}@pending.0.0`,
      });
    }
  });
});

describe("the end of a gateway's process", () => {
  test("[P-CLOSE-2] SIGTERM makes a gateway announce its shutdown, drain, close with 4000 and exit with 0", async () => {
    await using served = await serveGateway();
    const ws = served.url.replace("http", "ws");
    await using socket = await openBareSocket(`${ws}/ws`, { token: token({ sub: "u" }) });
    await socket.next(({ type }) => type === "welcome");
    const ended = served.end("SIGTERM");
    const notice = await socket.next(({ type }) => type === "notice");
    expect(notice).toMatchObject({
      code: "server_shutting_down",
      reconnect: { min_ms: expect.any(Number), max_ms: expect.any(Number) },
    });
    expect((await fetch(`${served.url}/readyz`)).status).toBe(503);
    expect((await socket.closed).code).toBe(4000);
    expect(await ended).toBe(0);
  });

  test("[P-SUB-4] after kill -9 a resuming client receives epoch_changed and a gap instead of silence", async () => {
    const first = await serveGateway();
    const sub = token({ sub: "u", channels: { subscribe: ["room:*"], publish: ["room:*"] } });
    const socket = await openBareSocket(`${first.url.replace("http", "ws")}/ws?channels=room:a`, {
      token: sub,
    });
    socket.send({ type: "publish", id: 1, channel: "room:a", event: "tick", data: 1 });
    const tick = await socket.next(({ type }) => type === "tick");
    await first.end("SIGKILL");
    await socket.closed;
    await using second = await serveGateway();
    const query = `last_event_id=${encodeURIComponent(String(tick.event_id))}`;
    await using again = await openBareSocket(`${second.url.replace("http", "ws")}/ws?${query}`, {
      token: sub,
    });
    expect(await again.next(({ type }) => type === "subscribed")).toMatchObject({
      recovered: false,
      reason: "epoch_changed",
    });
    expect(await again.next(({ type }) => type === "gap")).toMatchObject({ channel: "room:a" });
  });
});
