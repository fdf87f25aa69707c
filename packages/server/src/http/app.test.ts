import { request as httpRequest } from "node:http";
import { describe, expect, it } from "vitest";
import { exchange, upgradeRequest } from "../testing/raw-http.ts";
import { apiKey, startGateway } from "../testing/test-gateway.ts";

const publication = { channel: "chat:42", event: "message", data: { text: "hello" } };

describe("the HTTP API", () => {
  it("[P-HTTP-1] every API path and method answers 401 without a valid credential", async () => {
    await using server = await startGateway();
    const expired = await server.token({ user: "7", ttlMs: -1_000 });
    const requests: [string, string][] = [
      ["POST", "/v1/publish"],
      ["GET", "/v1/channels/chat:42/history"],
      ["DELETE", "/v1/channels/chat:42"],
      ["POST", "/v1/operations"],
      ["GET", "/v1/operations/9"],
      ["GET", "/v1/commands?producer=p"],
      ["PATCH", "/v1/publish"],
      ["GET", "/v1/no-such-path"],
      ["GET", "/v1"],
    ];
    for (const [method, path] of requests) {
      for (const credential of [null, "wrong", "", "a.b.c", expired]) {
        const answer = await server.call(method, path, { credential });
        expect(answer.status).toBe(401);
        expect(answer.body.code).toBe(credential === expired ? "token_expired" : "unauthenticated");
        expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      }
      const basic = await server.call(method, path, {
        credential: null,
        headers: { Authorization: "Basic dTpw" },
      });
      expect(basic.status).toBe(401);
    }
  });

  it("[P-HTTP-1] health, readiness and the OpenAPI document need no credential", async () => {
    await using server = await startGateway();
    for (const path of ["/ws/health", "/health", "/healthz", "/readyz", "/openapi.json"]) {
      expect(await server.call("GET", path, { credential: null })).toMatchObject({ status: 200 });
    }
  });

  it("[P-HTTP-6] the health report counts connections and names the store; its redis fields are false on the memory engine", async () => {
    await using server = await startGateway();
    const socket = await server.socket();
    await socket.nextOf("welcome");
    const { body } = await server.call("GET", "/ws/health", { credential: null });
    expect(body).toEqual({
      status: "healthy",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      connections: { total: 1, local: 1, alive: 1, dead: 0, unauthenticated: 1 },
      consumers: { browser_sdk: 0, server_sdk: 0, websocket: 1, sse: 0, poll: 0 },
      redis: { connected: false, pubsub_connected: false, takes_writes: false, full: false },
      store: { kind: "memory", durable: false, full: false },
      refused: {
        node: 0,
        user: 0,
        session: 0,
        service: 0,
        address: 0,
        unauthenticated: 0,
        unauthenticated_address: 0,
      },
      spooled: 0,
      backends: { closed: 0, open: 0, half_open: 0 },
    });
  });

  it("a health check in HTTP/1.0 without a Host header is answered", async () => {
    await using server = await startGateway();
    expect(await exchange(server.port, "GET /readyz HTTP/1.0\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 200 .*"status":"healthy"/s,
    );
  });

  it("a GET of a WebSocket path without an upgrade is answered with not_found and a hint at ws://", async () => {
    await using server = await startGateway();
    const { body } = await server.call("GET", "/ws/chat/42", { credential: null });
    expect(body).toMatchObject({ code: "not_found", detail: expect.stringMatching(/ws:\/\//) });
  });

  it("[P-ORI-5] every answer says no-store and nosniff, whatever its status and its door", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const answers = await Promise.all([
      server.call("GET", "/healthz", { credential: null }),
      server.call("GET", "/ws/health", { credential: null }),
      server.call("POST", "/v1/publish", { body: publication }),
      server.call("POST", "/v1/publish", { body: "{" }),
      server.call("GET", "/v1/channels/chat:42/history"),
      server.call("DELETE", "/v1/channels/chat:42"),
      server.call("GET", "/v1/nodes", { credential: null }),
      server.call("PATCH", "/v1/publish"),
      server.call("GET", "/no-such-path"),
      server.call("GET", "/v1/poll?channels=chat:42&wait=0", { credential }),
      server.call("OPTIONS", "/v1/publish", { headers: { Origin: server.url } }),
    ]);
    for (const { status, headers } of answers) {
      expect(headers.get("x-content-type-options"), String(status)).toBe("nosniff");
      expect(headers.get("cache-control"), String(status)).toBe("no-store");
    }
    for (const request of [
      upgradeRequest("/ws/a/b/c"),
      `GET /v1/sse?channels=chat:42&token=${credential} HTTP/1.1\r\nHost: x\r\n\r\n`,
      "GET /v1/../healthz HTTP/1.1\r\nHost: x:y:z\r\n\r\n",
    ]) {
      const head = await exchange(server.port, request, { untilHead: true });
      expect(head).toMatch(/cache-control: no-store/i);
      expect(head).toMatch(/x-content-type-options: nosniff/i);
    }
  });

  it("an unknown path is answered with 404 and a problem document", async () => {
    await using server = await startGateway();
    for (const path of ["/v1/nothing", "/", "/favicon.ico", "/ws", "/ws/chat/42"]) {
      const answer = await server.call("GET", path);
      expect(answer.status).toBe(404);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.body).toEqual({
        type: "urn:milepost:error:not_found",
        title: expect.any(String),
        status: 404,
        detail: expect.any(String),
        code: "not_found",
        retryable: false,
      });
    }
  });

  it("a method that a path does not support is answered with 405 and an Allow header", async () => {
    await using server = await startGateway();
    const put = await server.call("PUT", "/v1/publish");
    expect(put).toMatchObject({ status: 405, body: { status: 405 } });
    expect(put.headers.get("allow")).toBe("POST");
    const post = await server.call("PATCH", "/v1/operations");
    expect(post.headers.get("allow")).toBe("POST, GET, HEAD");
    expect(await server.call("POST", "/healthz")).toMatchObject({ status: 405 });
  });

  it("[P-HTTP-2] a body that is not JSON or has a wrong field is refused with an error that names the field", async () => {
    await using server = await startGateway();
    const cases: [unknown, string, RegExp][] = [
      ["", "bad_json", /JSON/],
      ["{", "bad_json", /JSON/],
      ['{"a": 1,}', "bad_json", /JSON/],
      ["[]", "bad_message", /object/],
      ["null", "bad_message", /object/],
      [{ ...publication, channel: 7 }, "bad_message", /^channel must be a string/],
      [{ channel: "a", data: 1 }, "bad_message", /^event is missing/],
      [{ channel: "a", event: "e" }, "bad_message", /^data is missing/],
      [{ event: "e", data: 1 }, "bad_message", /channel/],
      [{ ...publication, channels: ["a"] }, "bad_message", /channel/],
      [{ ...publication, key: "" }, "bad_message", /^key must be at least 1/],
      [{ ...publication, key: "k".repeat(256) }, "bad_message", /^key must be at most 255/],
      [{ ...publication, channel: "a:*" }, "invalid_channel", /./],
      [{ ...publication, channel: "a\nb" }, "invalid_channel", /./],
      [{ ...publication, channel: "é" }, "invalid_channel", /./],
      [{ ...publication, channel: "" }, "invalid_channel", /./],
      [{ ...publication, event: "welcome" }, "invalid_event", /./],
      [{ ...publication, event: "a b" }, "invalid_event", /./],
      [`{"channel":"a","event":"e","data":${"[".repeat(100)}${"]".repeat(100)}}`, "too_deep", /64/],
    ];
    for (const [body, code, detail] of cases) {
      const answer = await server.call("POST", "/v1/publish", { body });
      expect(answer).toMatchObject({ status: 400, body: { code, retryable: false } });
      expect(answer.body.detail).toMatch(detail);
    }
  });

  it("[P-HTTP-2] a body over 1 MiB is refused with 413, with or without Content-Length, and the next request succeeds", async () => {
    await using server = await startGateway();
    const body = JSON.stringify({ ...publication, data: "x".repeat(2 * 1024 * 1024) });
    expect(await server.call("POST", "/v1/publish", { body })).toMatchObject({
      status: 413,
      body: { code: "too_large" },
    });
    expect(await chunked(server.port, body)).toBe(413);
    expect(await server.call("POST", "/v1/publish", { body: publication })).toMatchObject({
      status: 200,
    });
  });

  it("a body of exactly maxMessageBytes is accepted, and one byte more is refused with 413", async () => {
    await using server = await startGateway({ limits: { maxMessageBytes: 1_000 } });
    const empty = JSON.stringify({ ...publication, data: "" });
    const fitting = JSON.stringify({ ...publication, data: "x".repeat(1_000 - empty.length) });
    expect(fitting).toHaveLength(1_000);
    expect(await server.call("POST", "/v1/publish", { body: fitting })).toMatchObject({
      status: 200,
    });
    expect(await server.call("POST", "/v1/publish", { body: `${fitting} ` })).toMatchObject({
      status: 413,
    });
  });

  it("a body that is not UTF-8 or is compressed is refused with 400", async () => {
    await using server = await startGateway();
    const head = `POST /v1/publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${apiKey}\r\n`;
    const bytes = Buffer.concat([
      Buffer.from(`${head}Content-Length: 3\r\n\r\n"`),
      Buffer.from([0xff, 0x22]),
    ]);
    expect(await exchange(server.port, bytes)).toMatch(/^HTTP\/1\.1 400 .*"bad_json"/s);
    const gzip = await server.call("POST", "/v1/publish", {
      body: "x",
      headers: { "Content-Encoding": "gzip" },
    });
    expect(gzip).toMatchObject({ status: 400, body: { code: "bad_message" } });
  });

  it("malformed HTTP requests are answered with a 4xx status, and the server keeps serving", async () => {
    await using server = await startGateway();
    for (const request of [
      "GET / HTTP/1.1\r\n\r\n",
      "GET /v1/../healthz HTTP/1.1\r\nHost: x:y:z\r\nConnection: close\r\n\r\n",
      "GET /\\evil HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      "nonsense\r\n\r\n",
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
      "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ]) {
      expect(await exchange(server.port, request)).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    expect(await server.call("GET", "/healthz")).toMatchObject({ status: 200 });
  });

  it("the server ends requests that are not completed within the header and request timeouts", async () => {
    await using server = await startGateway({ timeouts: { headersMs: 50, requestMs: 100 } });
    const answers = await Promise.all([
      exchange(server.port, "GET /healthz HTT"),
      exchange(server.port, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half"),
      exchange(
        server.port,
        `POST /v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\nContent-Length: 100\r\n\r\n{"cha`,
      ),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(await server.call("GET", "/healthz")).toMatchObject({ status: 200 });
  });
});

describe("cross-origin requests to the HTTP API", () => {
  const origin = "https://app.example.com";

  it("[P-ORI-4] a page whose origin is in allowedOrigins may call the API and receives the CORS headers", async () => {
    await using server = await startGateway({ allowedOrigins: [origin] });
    const headers = { Origin: origin };
    const preflight = await server.call("OPTIONS", "/v1/publish", { headers, credential: null });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/Authorization/);
    const answer = await server.call("POST", "/v1/publish", { headers, body: publication });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    const refused = await server.call("POST", "/v1/publish", { headers, credential: null });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  });

  it("a page whose origin is not in allowedOrigins is refused with 403, without CORS headers", async () => {
    await using server = await startGateway({ allowedOrigins: [origin] });
    for (const method of ["OPTIONS", "POST"]) {
      const answer = await server.call(method, "/v1/publish", {
        headers: { Origin: "https://evil.example" },
      });
      expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

describe("the OpenAPI document", () => {
  it("the OpenAPI document describes every path of the HTTP API", async () => {
    await using server = await startGateway();
    const { body } = await server.call("GET", "/openapi.json", { credential: null });
    const described = Object.entries(body.paths as Record<string, object>).flatMap(
      ([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(
      [
        "delete /v1/channels/{channel}",
        "delete /v1/connections/{id}",
        "delete /v1/dead-letters",
        "delete /v1/dead-letters/{id}",
        "delete /v1/operations/{id}/questions/{question}",
        "delete /v1/queues/{queue}/tickets/{id}",
        "delete /v1/sessions/{id}",
        "delete /v1/users/{id}/push-subscriptions/{subscription}",
        "delete /v1/webhooks/{id}",
        "get /health",
        "get /healthz",
        "get /livez",
        "get /metrics",
        "get /readyz",
        "get /v1/channels",
        "get /v1/channels/{channel}",
        "get /v1/channels/{channel}/history",
        "get /v1/channels/{channel}/presence",
        "get /v1/channels/{channel}/snapshot",
        "get /v1/commands",
        "get /v1/connections",
        "get /v1/dead-letters",
        "get /v1/dead-letters/{id}",
        "get /v1/deliveries",
        "get /v1/estimates",
        "get /v1/limits",
        "get /v1/nodes",
        "get /v1/operations",
        "get /v1/operations/{id}",
        "get /v1/operations/{id}/commands",
        "get /v1/operations/{id}/holder",
        "get /v1/operations/{id}/inputs",
        "get /v1/operations/{id}/questions",
        "get /v1/operations/{id}/questions/{question}",
        "get /v1/poll",
        "get /v1/push-key",
        "get /v1/questions",
        "get /v1/queues",
        "get /v1/queues/{queue}",
        "get /v1/queues/{queue}/tickets/{id}",
        "get /v1/rules",
        "get /v1/rules/{channel}",
        "get /v1/sessions/{id}",
        "get /v1/sse",
        "get /v1/users/{id}/digest",
        "get /v1/users/{id}/inbox",
        "get /v1/users/{id}/push-subscriptions",
        "get /v1/webhooks",
        "get /ws/health",
        "post /v1/channels/{channel}/end",
        "post /v1/connections/{id}/messages",
        "post /v1/console/tokens",
        "post /v1/dead-letters/replay",
        "post /v1/dead-letters/{id}/replay",
        "post /v1/deliveries/retry",
        "post /v1/disconnect",
        "post /v1/drain",
        "post /v1/guests",
        "post /v1/move",
        "post /v1/operations",
        "post /v1/operations/commands",
        "post /v1/operations/{id}/commands",
        "post /v1/operations/{id}/events",
        "post /v1/operations/{id}/inputs",
        "post /v1/operations/{id}/lease",
        "post /v1/operations/{id}/questions",
        "post /v1/operations/{id}/questions/{question}/answer",
        "post /v1/operations/{id}/questions/{question}/snooze",
        "post /v1/poll",
        "post /v1/publish",
        "post /v1/queues/{queue}/claim",
        "post /v1/queues/{queue}/tickets",
        "post /v1/queues/{queue}/tickets/{id}/extend",
        "post /v1/queues/{queue}/tickets/{id}/fail",
        "post /v1/queues/{queue}/tickets/{id}/finish",
        "post /v1/revoke",
        "post /v1/sessions",
        "post /v1/tickets",
        "post /v1/tokens/revoke",
        "post /v1/users/{id}/disconnect",
        "post /v1/users/{id}/inbox/read",
        "post /v1/users/{id}/inbox/{item}/read",
        "post /v1/users/{id}/inbox/{item}/snooze",
        "post /v1/users/{id}/notifications",
        "post /v1/users/{id}/push-subscriptions",
        "post /v1/users/{id}/seen",
        "post /v1/webhooks",
        "put /v1/queues/{queue}",
        "put /v1/sessions/{id}",
      ].sort(),
    );
  });

  it("[P-ORI-5] the OpenAPI document is built once, and a request with its ETag is answered with 304", async () => {
    await using server = await startGateway();
    const read = (headers: Record<string, string> = {}) =>
      server.call("GET", "/openapi.json", { credential: null, headers });
    const first = await read();
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(first.headers.get("cache-control")).toBe("no-cache");
    for (const given of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await read({ "If-None-Match": given });
      expect([again.status, again.body, again.headers.get("etag")]).toEqual([304, undefined, etag]);
    }
    expect(await read({ "If-None-Match": '"other"' })).toMatchObject({
      status: 200,
      body: first.body,
    });
    const head = await server.call("HEAD", "/openapi.json", { credential: null });
    expect([head.status, head.body]).toEqual([200, undefined]);
  });

  it("the OpenAPI document names bodies and parameters, and every reference in it resolves", async () => {
    await using server = await startGateway();
    const { body } = await server.call("GET", "/openapi.json", { credential: null });
    const publish = body.paths["/v1/publish"].post;
    expect(Object.keys(publish.requestBody.content)).toEqual([
      "application/json",
      "application/x-ndjson",
    ]);
    expect(body.components.schemas.Publish.required).toEqual(["event", "data"]);
    expect(Object.keys(body.paths["/metrics"].get.responses["200"].content)).toEqual([
      "text/plain",
    ]);
    const wait = body.paths["/v1/commands"].get.parameters;
    expect(wait).toContainEqual(
      expect.objectContaining({ in: "query", name: "producer", required: true }),
    );
    const references = [
      ...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g),
    ];
    expect(references.length).toBeGreaterThan(10);
    for (const [, name] of references) expect(body.components.schemas).toHaveProperty(name ?? "");
  });
});

/** Posts a body in chunks, without a Content-Length, and resolves with the status. */
function chunked(port: number, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: "127.0.0.1",
        method: "POST",
        path: "/v1/publish",
        headers: { Authorization: `Bearer ${apiKey}`, "Transfer-Encoding": "chunked" },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
