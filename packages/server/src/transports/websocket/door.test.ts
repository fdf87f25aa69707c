import { connect } from "node:net";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { deferred } from "../../testing/deferred.ts";
import { exchange, upgradeRequest } from "../../testing/raw-http.ts";
import { startGateway } from "../../testing/test-gateway.ts";
import { openSocket } from "../../testing/test-socket.ts";

describe("a WebSocket with a credential", () => {
  it("[P-CON-1] a WebSocket receives the welcome when its token is in the header, the subprotocol or the query", async () => {
    await using server = await startGateway({ limits: { maxConnectionsPerSession: 4 } });
    const token = await server.token();
    const ways = [
      () => server.socket("/ws", { token }),
      () => server.socket("/ws", { token: null, subprotocols: [`milepost.token.${token}`] }),
      () =>
        server.socket("/ws", {
          token: null,
          subprotocols: ["milepost.v1.json", `milepost.token.${token}`],
        }),
      () => server.socket(`/ws?token=${token}`, { token: null }),
    ];
    for (const way of ways) {
      const socket = await way();
      expect(await socket.next()).toMatchObject({
        type: "welcome",
        user_id: "7",
        session_id: "s1",
      });
      socket.terminate();
    }
  });

  it("[P-CON-2] a WebSocket with an invalid token is closed with 4401 before anything is delivered", async () => {
    await using server = await startGateway();
    const [header, claims] = (await server.token()).split(".");
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`;
    for (const token of ["nonsense", "a.b.c", `${header}.${claims}.AAAA`, none]) {
      const socket = await server.socket("/ws/chat/42", { token });
      expect(await socket.closed).toEqual({ code: 4401, reason: "the token is not valid" });
      expect(socket.arrived).toEqual([]);
    }
  });

  it("[P-CON-2] a WebSocket with an expired token is closed with 4101", async () => {
    await using server = await startGateway();
    const token = await server.token({ user: "7", ttlMs: -60_000 });
    const socket = await server.socket("/ws/chat/42", { token });
    expect(await socket.closed).toEqual({ code: 4101, reason: "token_expired" });
    expect(socket.arrived).toEqual([]);
  });

  it("a WebSocket with an invalid user in its token is closed with the reason, even with a custom verifier", async () => {
    const principal = {
      kind: "user",
      user: "a".repeat(1_025),
      session: undefined,
      grants: { subscribe: [], publish: [] },
      expiresAt: Date.now() + 60_000,
    } as const;
    await using server = await startGateway({ auth: { verifyToken: async () => principal } });
    const socket = await server.socket("/ws", { token: "any" });
    expect(await socket.closed).toEqual({
      code: 4401,
      reason: expect.stringMatching(/^the token's user must be a text of 1 to 1024 bytes/),
    });
    const answer = await server.call("GET", "/v1/operations", { credential: "any" });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  });

  it("a long error of the token verifier is cut to fit into the close reason", async () => {
    const verifyToken = () =>
      Promise.reject(new MilepostError("unauthenticated", `x${"ä".repeat(100)}`));
    await using server = await startGateway({ auth: { verifyToken } });
    const connected = await server.socket("/ws", { token: "any" });
    expect(await connected.closed).toEqual({ code: 4401, reason: `x${"ä".repeat(61)}` });
    const late = await server.socket("/ws", { token: null });
    late.send({ type: "auth", token: "any" });
    expect(await late.closed).toMatchObject({ code: 4401 });
  });

  it("a token verifier that never answers does not delay the shutdown of the gateway", async () => {
    const asked = deferred();
    const verifyToken = () => {
      asked.resolve();
      return new Promise<never>(() => {});
    };
    const server = await startGateway({ auth: { verifyToken } });
    const answer = exchange(server.port, upgradeRequest("/ws?token=any"));
    await asked.promise;
    await server.gateway.close();
    expect(await answer).toMatch(/^HTTP\/1\.1 503 .*"code":"shutting_down"/s);
  });

  it("a WebSocket with a token in the URL is closed with 4401 when tokenInQuery is false", async () => {
    await using server = await startGateway({ auth: { tokenInQuery: false } });
    const socket = await server.socket(`/ws?token=${await server.token()}`, { token: null });
    expect(await socket.closed).toMatchObject({ code: 4401, reason: expect.stringMatching(/URL/) });
  });

  it("a WebSocket is closed with 1011, so that it reconnects, when the token verifier fails", async () => {
    const verifyToken = () => Promise.reject(new Error("the key server is down"));
    await using server = await startGateway({ auth: { verifyToken } });
    for (const path of ["/ws", "/ws/progress/s1"]) {
      const socket = await server.socket(path, { token: "any" });
      expect(await socket.closed).toEqual({ code: 1011, reason: "internal" });
    }
  });
});

describe("a WebSocket without a credential", () => {
  it("[P-CON-3] a WebSocket without a credential may authenticate with its first message", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws/chat/42", { token: null });
    socket.send({ type: "auth", token: await server.token() });
    expect(await socket.nextOf("welcome")).toMatchObject({ user_id: "7" });
    expect(await socket.nextOf("subscribed")).toMatchObject({ channel: "chat:42" });
  });

  it("[P-CON-3] a WebSocket without a credential is closed with 4401 when its first message is not auth", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws", { token: null });
    socket.send({ type: "subscribe", id: 1, channel: "chat:42" });
    expect(await socket.closed).toMatchObject({ code: 4401 });
  });

  it("[P-CON-3] a WebSocket without a credential is closed with 4408 when it sends nothing in time", async () => {
    await using server = await startGateway({ limits: { authTimeoutMs: 20 } });
    const socket = await server.socket("/ws", { token: null });
    expect(await socket.closed).toMatchObject({ code: 4408 });
  });
});

describe("a WebSocket before its credential is verified", () => {
  const ping = JSON.stringify({ type: "ping", pad: "x".repeat(1_000_000) });

  it("the gateway reads a bounded number of bytes from an unverified WebSocket, however many the WebSocket sends", async () => {
    await using server = await startGateway({ limits: { authTimeoutMs: 300 } });
    const socket = await server.socket("/ws", { token: null });
    for (let n = 0; n < 40; n++) socket.send(ping);
    expect(await socket.closed).toMatchObject({ code: 4408 });
    // No ping was answered, because the first ping alone is larger than what the gateway reads from an
    // unverified peer.
    expect(socket.arrived).toEqual([]);
  });

  it("a WebSocket may send messages right after its auth message, and all of them are read", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws", { token: null });
    socket.send({ type: "auth", token: await server.token() });
    const data = "x".repeat(900_000);
    for (let id = 1; id <= 5; id++) {
      socket.send({ type: "publish", id, channel: "chat:42", event: "message", data });
    }
    await socket.nextOf("welcome");
    for (let id = 1; id <= 5; id++) {
      expect(await socket.nextOf("reply")).toMatchObject({ id, result: { duplicate: false } });
    }
  });
});

describe("a WebSocket upgrade", () => {
  it.each([
    ["/ws/x", 404, "not_found"],
    ["/ws/a/b/c", 404, "not_found"],
    ["/ws/chat/*", 400, "invalid_channel"],
    ["/ws/chat/a%0ab", 400, "invalid_channel"],
    ["/ws?channels=a:*:b", 400, "invalid_channel"],
    ["/ws?last_event_id=x&personal=0", 400, "invalid_position"],
    ["/ws?x=%ff", 400, "bad_message"],
    ["/elsewhere", 404, "not_found"],
  ])("[P-CON-7] an upgrade of %s is answered with HTTP %i and %s", async (path, status, code) => {
    await using server = await startGateway();
    await expect(server.socket(path)).rejects.toMatchObject({
      status,
      problem: { status, code, retryable: false, type: `urn:milepost:error:${code}` },
    });
  });

  it("[P-CON-5] an upgrade that offers only unknown subprotocols is answered with HTTP 400", async () => {
    await using server = await startGateway();
    await expect(server.socket("/ws", { subprotocols: ["milepost.v9"] })).rejects.toMatchObject({
      status: 400,
      problem: { code: "bad_message", detail: expect.stringContaining("milepost.v1.json") },
    });
  });

  it("[P-CON-5] an upgrade is answered with the chosen subprotocol", async () => {
    await using server = await startGateway();
    const token = await server.token();
    const json = await server.socket("/ws", {
      subprotocols: ["milepost.v2.json", "milepost.v1.json"],
    });
    expect(json.ws.protocol).toBe("milepost.v1.json");
    const alone = await server.socket("/ws", {
      token: null,
      subprotocols: [`milepost.token.${token}`],
    });
    expect(alone.ws.protocol).toBe(`milepost.token.${token}`);
    expect((await server.socket("/ws")).ws.protocol).toBe("");
  });

  it("an upgrade is refused with HTTP 403 for origins outside allowedOrigins, and accepted for allowed ones", async () => {
    await using server = await startGateway({ allowedOrigins: ["https://app.example.com"] });
    for (const origin of ["https://evil.example", "null", "https://app.example.com.evil.example"]) {
      await expect(server.socket("/ws", { headers: { Origin: origin } })).rejects.toMatchObject({
        status: 403,
        problem: { code: "forbidden" },
      });
    }
    for (const origin of ["https://app.example.com"]) {
      const socket = await server.socket("/ws", { headers: { Origin: origin } });
      expect(await socket.next()).toMatchObject({ type: "welcome" });
    }
  });

  it("an upgrade request that is not a WebSocket handshake is answered with HTTP 400 and closed", async () => {
    await using server = await startGateway();
    const requests = [
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
      "POST /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ];
    for (const request of requests) {
      const answer = await exchange(server.port, request);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain('"code":"bad_message"');
    }
  });

  it("a client that disconnects while its token is verified leaves no connection, and the gateway keeps serving", async () => {
    let verified: () => void = () => {};
    const asked = deferred();
    const verifyToken = () => {
      asked.resolve();
      return new Promise<never>((_, reject) => {
        verified = () => reject(new Error("too late"));
      });
    };
    await using server = await startGateway({ auth: { verifyToken } });
    const client = connect(server.port, "127.0.0.1");
    client.write(upgradeRequest("/ws", { Authorization: "Bearer t" }));
    await asked.promise;
    client.resetAndDestroy();
    verified();
    expect(await server.call("GET", "/healthz")).toMatchObject({ status: 200 });
    expect(server.gateway.stats().connections).toBe(0);
  });

  it("[P-CLOSE-2] an upgrade is answered with HTTP 503 by a gateway that shuts down", async () => {
    await using server = await startGateway();
    const staying = await server.socket();
    await staying.nextOf("welcome");
    const closing = server.gateway.close({ drainMs: 60_000 });
    expect(await staying.nextOf("notice")).toMatchObject({
      code: "server_shutting_down",
      reconnect: { min_ms: expect.any(Number), max_ms: expect.any(Number) },
    });
    await expect(openSocket(`ws://127.0.0.1:${server.port}/ws`)).rejects.toMatchObject({
      status: 503,
      problem: { code: "shutting_down", retryable: true },
    });
    expect(await server.call("GET", "/readyz")).toMatchObject({ status: 503 });
    expect(await server.call("GET", "/healthz")).toMatchObject({ status: 200 });
    staying.ws.close();
    await closing;
  });
});
