import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../../testing/test-gateway.ts";
import { type StreamOptions, TestStream } from "../../testing/test-stream.ts";

async function open(server: TestGateway, query: string, options: StreamOptions = {}) {
  const token = options.token ?? (await server.token());
  return TestStream.open(`${server.url}/v1/sse?${query}`, { ...options, token });
}

describe("an SSE stream", () => {
  it("[P-SSE-2] [P-SSE-5] an SSE stream starts at once with the welcome and headers that prevent buffering by proxies", async () => {
    await using server = await startGateway();
    const stream = await open(server, "channels=chat:42,chat:43");
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    });
    expect(await stream.next()).toMatchObject({ type: "welcome", user_id: "7", session_id: "s1" });
    const first = await stream.nextEvent();
    const second = await stream.nextEvent();
    for (const { id, message } of [first, second]) {
      expect(message).toMatchObject({ type: "subscribed", recovered: false });
      expect(id).toBe(message.event_id);
    }
    await server.gateway.publish("chat:43", "said", { text: "hi" });
    const said = await stream.nextEvent();
    expect(said.event).toBeUndefined();
    expect(said.message).toMatchObject({ type: "said", channel: "chat:43", data: { text: "hi" } });
    expect(said.id).toBe(said.message.event_id);
    expect(said.id).toMatch(/chat:42@.*chat:43@/);
  });

  it("[P-SSE-3] an SSE stream with named=true names its events, except for names that browsers use themselves", async () => {
    await using server = await startGateway();
    const stream = await open(server, "channels=chat:42&named=true");
    expect((await stream.nextEvent()).event).toBe("welcome");
    expect((await stream.nextEvent()).event).toBe("subscribed");
    for (const name of ["said", "open", "message"]) {
      await server.gateway.publish("chat:42", name, 1);
      const { event, message } = await stream.nextEvent();
      expect([event, message.type]).toEqual([name === "said" ? name : undefined, name]);
    }
    await server.gateway.close();
    expect((await stream.nextEvent()).event).toBe("notice");
    expect((await stream.nextEvent()).event).toBe("close");
  });

  it("[P-SSE-4] an SSE stream that was cut resumes all its channels from the last event id and gets each entry once", async () => {
    await using server = await startGateway();
    const first = await open(server, "channels=chat:a,chat:b");
    await first.nextOf("subscribed");
    await first.nextOf("subscribed");
    const seen: number[] = [];
    await server.gateway.publish("chat:a", "n", 1);
    await server.gateway.publish("chat:b", "n", 2);
    for (const _ of [1, 2]) seen.push((await first.nextOf("n")).data);
    first.cut();
    await first.ended;
    await server.gateway.publish("chat:b", "n", 3);
    await server.gateway.publish("chat:a", "n", 4);
    const second = await open(server, "channels=chat:a,chat:b", {
      headers: { "Last-Event-ID": first.lastEventId ?? "" },
    });
    const started = [await second.nextOf("subscribed")];
    const late: number[] = [];
    while (late.length < 2) {
      const message = await second.next();
      if (message.type === "subscribed") started.push(message);
      if (message.type === "n") late.push(message.data);
    }
    expect(started.map(({ recovered }) => recovered)).toEqual([true, true]);
    expect([...seen, ...late.sort()]).toEqual([1, 2, 3, 4]);
    await server.gateway.publish("chat:a", "n", 5);
    expect(await second.nextOf("n")).toMatchObject({ data: 5 });
  });

  it("[P-SSE-4] the Last-Event-ID header takes precedence over last_event_id, which stays in the URL when a browser reconnects", async () => {
    await using server = await startGateway();
    const first = await open(server, "channels=chat:a");
    const { event_id: old } = await first.nextOf("subscribed");
    await server.gateway.publish("chat:a", "n", 1);
    const { event_id: young } = await first.nextOf("n");
    await server.gateway.publish("chat:a", "n", 2);
    const query = `last_event_id=${encodeURIComponent(old)}`;
    const later = await open(server, query, { headers: { "Last-Event-ID": young } });
    expect(await later.nextOf("n")).toMatchObject({ data: 2 });
    const again = await open(server, query);
    expect(await again.nextOf("n")).toMatchObject({ data: 1 });
  });

  it("[P-SSE-4] a resumed SSE stream reports a gap for entries that were trimmed", async () => {
    await using server = await startGateway({
      rules: [
        {
          pattern: "chat:{room}",
          subscribe: "granted",
          publish: "granted",
          retention: { maxEntries: 2, maxAgeMs: 60_000 },
        },
      ],
    });
    const first = await open(server, "channels=chat:a");
    await first.nextOf("subscribed");
    await server.gateway.publish("chat:a", "n", 1);
    await first.nextOf("n");
    first.cut();
    for (const n of [2, 3, 4, 5]) await server.gateway.publish("chat:a", "n", n);
    const headers = { "Last-Event-ID": first.lastEventId ?? "" };
    const second = await open(server, "channels=chat:a", { headers });
    expect(await second.nextOf("subscribed")).toMatchObject({
      recovered: false,
      reason: "trimmed",
    });
    const gap = await second.nextEvent();
    expect(gap.message).toMatchObject({ type: "gap", reason: "trimmed" });
    expect(gap.id).toBe(gap.message.event_id);
    expect(await second.next()).toMatchObject({ data: 4 });
    expect(await second.next()).toMatchObject({ data: 5 });
  });

  it("[P-SSE-5] an SSE stream sends comments as heartbeats and is not closed while its client reads them", async () => {
    await using server = await startGateway({ limits: { pingIntervalMs: 50, idleTimeoutMs: 600 } });
    const stream = await open(server, "channels=chat:42");
    await stream.nextOf("subscribed");
    const begun = stream.raw.length;
    while (stream.raw.slice(begun).split(":\n\n").length < 14) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await server.gateway.publish("chat:42", "n", 1);
    expect(await stream.nextOf("n")).toMatchObject({ data: 1 });
  });

  it("[P-SSE-6] [P-SSE-7] an SSE stream ends at its maximum lifetime with a close and a short retry, and resumes", async () => {
    await using server = await startGateway({
      sseMaxLifetimeMs: 50,
      limits: { pingIntervalMs: 20 },
    });
    const stream = await open(server, "channels=chat:42");
    await stream.nextOf("subscribed");
    expect(await stream.nextOf("close")).toMatchObject({ code: 1001 });
    await stream.ended;
    const [atFirst, atLast] = [...stream.raw.matchAll(/^retry: (\d+)$/gm)].map(([, ms]) =>
      Number(ms),
    );
    expect(atFirst).toBeGreaterThanOrEqual(1_000);
    expect(atFirst).toBeLessThanOrEqual(3_000);
    expect(atLast).toBeLessThanOrEqual(1_000);
    await server.gateway.publish("chat:42", "n", 1);
    const headers = { "Last-Event-ID": stream.lastEventId ?? "" };
    const next = await open(server, "channels=chat:42", { headers });
    expect(await next.nextOf("n")).toMatchObject({ data: 1 });
    expect(server.gateway.stats().connections).toBe(1);
  });

  it("[P-SSE-7] SSE streams of a node that shuts down get a notice, a close and a random retry delay", async () => {
    await using server = await startGateway({ limits: { maxConnectionsPerSession: 8 } });
    const streams = await Promise.all(
      Array.from({ length: 8 }, () => open(server, "channels=chat:1")),
    );
    for (const stream of streams) await stream.nextOf("subscribed");
    await server.gateway.close();
    const delays = new Set<number>();
    for (const stream of streams) {
      expect(await stream.next()).toMatchObject({ type: "notice", code: "server_shutting_down" });
      expect(await stream.next()).toMatchObject({ type: "close", code: 4000 });
      await stream.ended;
      const last = [...stream.raw.matchAll(/^retry: (\d+)$/gm)].at(-1);
      const delay = Number(last?.[1]);
      expect(delay).toBeGreaterThanOrEqual(1_000);
      expect(delay).toBeLessThanOrEqual(5_000);
      delays.add(delay);
    }
    expect(delays.size).toBeGreaterThan(1);
  });

  it("[P-SSE-7] a node that shuts down answers a new SSE stream with 503 if the proxy repeats it elsewhere, and with 200 otherwise", async () => {
    await using server = await startGateway();
    const stream = await open(server, "channels=chat:1");
    await stream.nextOf("subscribed");
    const closed = server.gateway.close({ drainMs: 1_000 });
    await stream.nextOf("notice");
    const headers = { "Milepost-Retry-On": "503" };
    const refused = await open(server, "channels=chat:1", { headers });
    expect(refused.status).toBe(503);
    const ended = await open(server, "channels=chat:1");
    expect(ended.status).toBe(200);
    expect(await ended.next()).toMatchObject({ type: "close", code: 4000 });
    await closed;
  });

  it("[P-SSE-7] a full node answers 200 and closes the SSE stream, since browsers do not reconnect after an error status", async () => {
    await using server = await startGateway({ limits: { maxConnections: 1 } });
    const first = await open(server, "channels=chat:1");
    await first.nextOf("welcome");
    const second = await open(server, "channels=chat:1");
    expect(second.status).toBe(200);
    expect(await second.next()).toMatchObject({ type: "close", code: 1013 });
    await second.ended;
    first.cut();
    while (server.gateway.stats().connections > 0)
      await new Promise((resolve) => setImmediate(resolve));
    const third = await open(server, "channels=chat:1");
    expect(await third.next()).toMatchObject({ type: "welcome" });
  });

  it("[P-SSE-8] an SSE stream delivers every string exactly as it was published", async () => {
    await using server = await startGateway();
    const stream = await open(server, "channels=chat:42");
    await stream.nextOf("subscribed");
    const forging = "\r\rid: forged\r\n\ndata: forged\n\n\u2028\0\ud800";
    const strings = [forging, ...fc.sample(fc.string({ unit: "binary" }), 50)];
    for (const text of strings) {
      await server.gateway.publish("chat:42", "said", { text });
      const { message, id } = await stream.nextEvent();
      expect(message.data).toEqual({ text });
      expect(id).toBe(message.event_id);
    }
  });

  it("[P-CON-6] an SSE stream takes over the connection id of the stream that it replaces", async () => {
    await using server = await startGateway();
    const first = await open(server, "channels=chat:1");
    const { connection_id: id } = await first.next();
    const second = await open(server, `channels=chat:1&connection_id=${id}`);
    expect(await second.next()).toMatchObject({ type: "welcome", connection_id: id });
    expect(await first.nextOf("close")).toMatchObject({ code: 4001 });
    await first.ended;
  });

  it("an SSE stream ends when its token expires, and the expired token is refused afterwards", async () => {
    await using server = await startGateway();
    const token = await server.token({ user: "7", ttlMs: 2_500 });
    const stream = await open(server, "channels=user:7", { token });
    expect(await stream.nextOf("notice")).toMatchObject({ code: "token_expiring" });
    expect(await stream.nextOf("close")).toMatchObject({ code: 4101 });
    const again = await open(server, "channels=user:7", { token });
    expect(again.status).toBe(401);
  });

  it("a HEAD request for an SSE stream answers the headers and opens no connection", async () => {
    await using server = await startGateway();
    const answer = await server.call("HEAD", "/v1/sse", { credential: await server.token() });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    expect(server.gateway.stats().connections).toBe(0);
  });

  it("an SSE stream uses the SDK's dialect on request", async () => {
    await using server = await startGateway();
    const stream = await open(server, "channels=chat:42&dialect=milepost.v1.json");
    expect(await stream.next()).toMatchObject({ type: "welcome" });
    expect(await stream.next()).not.toHaveProperty("event_id");
    const { position } = await server.gateway.publish("chat:42", "said", 1);
    expect(await stream.nextEvent()).toMatchObject({
      message: { type: "event", event: "said", position, data: 1 },
    });
    expect(stream.lastEventId).toBeUndefined();
  });
});

describe("refusals of an SSE stream", () => {
  it("[P-SSE-1] an SSE stream is refused without a credential and with an invalid one", async () => {
    await using server = await startGateway();
    const path = "/v1/sse?channels=chat:42";
    const expired = await server.token({ user: "7", ttlMs: -60_000 });
    for (const [credential, status, code] of [
      [null, 401, "unauthenticated"],
      ["nonsense", 401, "unauthenticated"],
      [expired, 401, "token_expired"],
    ] as const) {
      const { status: got, body } = await server.call("GET", path, { credential });
      expect([got, body.code]).toEqual([status, code]);
    }
    expect(server.gateway.stats().connections).toBe(0);
  });

  it("[P-SSE-1] an SSE stream accepts a token in the query unless tokenInQuery is false", async () => {
    const query = async (server: TestGateway) => `channels=chat:42&token=${await server.token()}`;
    await using server = await startGateway();
    const stream = await TestStream.open(`${server.url}/v1/sse?${await query(server)}`);
    expect(await stream.next()).toMatchObject({ type: "welcome" });
    await using strict = await startGateway({ auth: { tokenInQuery: false } });
    const refused = await TestStream.open(`${strict.url}/v1/sse?${await query(strict)}`);
    expect(refused.status).toBe(401);
    const elsewhere = `/v1/operations?token=${await server.token()}`;
    expect((await server.call("GET", elsewhere, { credential: null })).status).toBe(401);
  });

  it.each([
    ["channels=a b", "invalid_channel"],
    ["channels=", "invalid_channel"],
    ["channels=chat:1&last_event_id=nonsense", "invalid_position"],
    ["channels=chat:1&dialect=xml", "bad_message"],
    ["channels=chat:1&named=maybe", "bad_message"],
  ])("an SSE stream with the query %s is refused", async (query, code) => {
    await using server = await startGateway();
    const credential = await server.token();
    const { status, body } = await server.call("GET", `/v1/sse?${query}`, { credential });
    expect([status, body.code]).toEqual([400, code]);
  });

  it("[P-SSE-10] an SSE stream is refused when its cursor would not fit into a header", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const names = (count: number) =>
      Array.from({ length: count }, (_, n) => `chat:${"x".repeat(90)}${n}`).join(",");
    const { status, body } = await server.call("GET", `/v1/sse?channels=${names(60)}`, {
      credential,
    });
    expect([status, body.code]).toEqual([429, "too_many_subscriptions"]);
    const stream = await open(server, `channels=${names(45)}`);
    for (let n = 0; n < 45; n++) await stream.nextOf("subscribed");
    const headers = { "Last-Event-ID": stream.lastEventId ?? "" };
    const again = await open(server, `channels=${names(45)}`, { headers });
    expect(await again.nextOf("subscribed")).toMatchObject({ recovered: true });
  });

  it("[P-SUB-8] an SSE stream refuses a channel that the token does not allow and delivers its other channels", async () => {
    await using server = await startGateway();
    const stream = await open(server, "channels=user:8,chat:42");
    await stream.nextOf("welcome");
    const answers = [await stream.next(), await stream.next()];
    expect(answers).toContainEqual(
      expect.objectContaining({ id: null, error: expect.objectContaining({ code: "forbidden" }) }),
    );
    expect(answers).toContainEqual(expect.objectContaining({ type: "subscribed" }));
  });

  it("an SSE stream is refused for a page whose origin is not in allowedOrigins", async () => {
    await using server = await startGateway({ allowedOrigins: ["https://app.example.com"] });
    const credential = await server.token();
    const answer = await server.call("GET", "/v1/sse", {
      credential,
      headers: { Origin: "https://app.example.com.evil.test" },
    });
    expect([answer.status, answer.body.code]).toEqual([403, "forbidden"]);
    const allowed = await open(server, "", { headers: { Origin: "https://app.example.com" } });
    expect(allowed.headers["access-control-allow-origin"]).toBe("https://app.example.com");
  });
});

describe("[P-SSE-9] an SSE stream whose client does not read", () => {
  it("an SSE stream whose client does not read is closed with 4002, and the resumed stream delivers the missed entries", async () => {
    const kibibyte = 1024;
    await using server = await startGateway({ limits: { maxSendQueueBytes: 64 * kibibyte } });
    const slow = await open(server, "channels=chat:42", { paused: true });
    while (server.gateway.stats().subscriptions === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const data = "x".repeat(64 * kibibyte);
    let sent = 0;
    while (server.gateway.stats().subscriptions === 1 && sent < 2_000) {
      await server.gateway.publish("chat:42", "n", { n: ++sent, data });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.gateway.stats().subscriptions).toBe(0);
    slow.resume();
    const seen: number[] = [];
    for (;;) {
      const message = await slow.next();
      if (message.type === "n") seen.push(message.data.n);
      if (message.type !== "close") continue;
      expect(message).toMatchObject({ code: 4002 });
      break;
    }
    const headers = { "Last-Event-ID": slow.lastEventId ?? "" };
    const again = await open(server, "channels=chat:42", { headers });
    while (seen.length < sent) seen.push((await again.nextOf("n")).data.n);
    expect(seen).toEqual(Array.from({ length: sent }, (_, n) => n + 1));
  }, 20_000);
});
