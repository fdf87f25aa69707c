import { describe, expect, test } from "vitest";
import { answerWith, startBackend } from "../testing/test-backend.ts";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";

const secret = "the secret of a backend in a test, of 32 bytes and more";

function registered(callback?: { url: string }) {
  return startGateway({
    sessions: {
      credentials: true,
      ...(callback === undefined ? {} : { callback: { ...callback, secret, timeoutMs: 2_000 } }),
    },
  });
}

async function codeOf(server: TestGateway, path: string, token: string | null) {
  const socket = await server.socket(path, { token });
  return socket.closed;
}

describe("sessions over HTTP", () => {
  test("[P-SESS-1] [P-SESS-4] PUT registers a session, GET reads it and DELETE ends it with its connections", async () => {
    await using server = await registered();
    const token = await server.token();
    expect(await codeOf(server, "/ws", token)).toMatchObject({ code: 4401 });
    expect(await codeOf(server, "/ws/progress/s1", token)).toEqual({
      code: 1008,
      reason: "Invalid session",
    });
    const refused = await server.call("GET", "/v1/operations", { credential: token });
    expect(refused).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    const body = { user: "7", ttl_ms: 60_000 };
    const put = await server.call("PUT", "/v1/sessions/s1", { body });
    expect(put).toMatchObject({ status: 200, body: { session_id: "s1", user_id: "7" } });
    expect(put.body.credential).toBeUndefined();
    const socket = await server.socket("/ws", { token });
    expect(await socket.next()).toMatchObject({ type: "welcome", session_id: "s1" });
    const feed = await server.socket("/ws/progress/s1", { token });
    const { expires_at: _, ...known } = put.body;
    const found = await server.call("GET", "/v1/sessions/s1");
    expect(found).toMatchObject({ status: 200, body: known });
    expect((await server.call("DELETE", "/v1/sessions/s1")).status).toBe(204);
    expect(await socket.closed).toMatchObject({ code: 4102 });
    expect(await feed.closed).toEqual({ code: 1008, reason: "Session revoked" });
    expect((await server.call("GET", "/v1/sessions/s1")).status).toBe(404);
  });

  test("[P-SESS-4] a user token may not register, read or end sessions, and a wrong body names its field", async () => {
    await using server = await registered();
    const credential = await server.token({ user: "8", session: undefined as unknown as string });
    const body = { ttl_ms: 60_000 };
    for (const method of ["PUT", "GET", "DELETE"]) {
      const answer = await server.call(method, "/v1/sessions/s2", {
        credential,
        ...(method === "PUT" ? { body } : {}),
      });
      expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
    const wrong = await server.call("PUT", "/v1/sessions/s2", { body: { ttl_ms: "1" } });
    expect(wrong).toMatchObject({ status: 400, body: { detail: /ttl_ms/ } });
    const unknown = await server.call("PUT", "/v1/sessions/s2", { body: { ...body, name: 1 } });
    expect(unknown.status).toBe(400);
  });

  test("[P-SESS-4] a gateway without the setting answers not_supported, and takes any session", async () => {
    await using server = await startGateway();
    const answer = await server.call("PUT", "/v1/sessions/s1", { body: { ttl_ms: 60_000 } });
    expect(answer).toMatchObject({ status: 404, body: { code: "not_supported" } });
    const socket = await server.socket();
    expect(await socket.next()).toMatchObject({ type: "welcome", session_id: "s1" });
  });

  test("[P-SESS-5] a session's own credential opens its feed without a token, and no other door", async () => {
    await using server = await registered();
    const made = await server.call("POST", "/v1/sessions", {
      body: { ttl_ms: 60_000, credential: true },
    });
    expect(made.status).toBe(201);
    const { credential, session_id: id } = made.body;
    expect(credential).toMatch(/^.+\.[A-Za-z0-9_-]{43}$/);
    await server.gateway.operations.create({ kind: "export", session_id: id });
    const feed = await server.socket(`/ws/progress/${credential}`, { token: null });
    const document = await feed.next();
    expect(document).toMatchObject({ type: "progress_update", session_id: id });
    const { body: list } = await server.call("GET", `/v1/connections?session=${id}`);
    expect(list.connections).toHaveLength(1);
    expect(JSON.stringify([document, list])).not.toContain(credential.slice(id.length + 1));
    for (const path of [
      `/ws?token=${credential}`,
      `/ws?ticket=${credential}`,
      `/ws/session/${credential}?token=${credential}`,
    ]) {
      expect(await codeOf(server, path, null)).toMatchObject({ code: 4401 });
    }
    for (const path of [
      "/v1/operations",
      "/v1/sse?channels=broadcast",
      `/v1/channels/session:${id}/history`,
    ]) {
      expect((await server.call("GET", path, { credential })).status).toBe(401);
    }
    for (const wrong of [id, `${id}.${"A".repeat(43)}`, `x${credential}`]) {
      expect(await codeOf(server, `/ws/progress/${wrong}`, null)).toEqual({
        code: 1008,
        reason: "Invalid session",
      });
    }
    await server.call("DELETE", `/v1/sessions/${id}`);
    expect(await feed.closed).toEqual({ code: 1008, reason: "Session revoked" });
  });
});

describe("sessions that a backend validates", () => {
  test("[P-SESS-6] the backend is asked once for a session, in a signed request, and its answer is used again for a while", async () => {
    await using backend = await startBackend(
      answerWith(200, { valid: true, user_id: "7", ttl_ms: 60_000 }),
    );
    await using server = await registered(backend);
    const token = await server.token();
    const sockets = await Promise.all([1, 2, 3].map(() => server.socket("/ws", { token })));
    for (const socket of sockets) expect(await socket.next()).toMatchObject({ type: "welcome" });
    expect(backend.requests).toHaveLength(1);
    const [request] = backend.requests;
    expect(JSON.parse(request?.body ?? "")).toMatchObject({
      method: "sessions.validate",
      params: { session_id: "s1", user_id: "7" },
    });
    expect(request?.headers["milepost-signature"]).toMatch(/^t=\d+,v1=/);
    const eve = await server.token({ user: "8" });
    expect(await codeOf(server, "/ws", eve)).toMatchObject({ code: 4401 });
  });

  test.each([
    ["a refusal", answerWith(200, { valid: false }), 4401],
    ["404", answerWith(404, { title: "no such session" }), 4401],
    ["403", answerWith(403, {}), 4401],
    ["500", answerWith(500, {}), 1013],
    ["429", answerWith(429, {}, { "Retry-After": "3" }), 1013],
    ["a redirect", answerWith(302, "", { Location: "http://example.com" }), 1013],
    ["an answer without valid", answerWith(200, { ok: true }), 1013],
    ["an answer that is no JSON", answerWith(200, "<html>"), 1013],
    ["a wrong ttl_ms", answerWith(200, { valid: true, ttl_ms: "x" }), 1013],
  ])(
    "[P-SESS-6] %s by the backend closes a connect with the right code",
    async (_, answer, code) => {
      await using backend = await startBackend(answer);
      await using server = await registered(backend);
      const token = await server.token();
      expect(await codeOf(server, "/ws", token)).toMatchObject({ code });
    },
  );

  test("[P-SESS-6] a backend that cannot be reached refuses with a retryable error, over HTTP with 503", async () => {
    const backend = await startBackend(() => {});
    await using server = await registered(backend);
    await backend[Symbol.asyncDispose]();
    const token = await server.token();
    const answer = await server.call("GET", "/v1/operations", { credential: token });
    expect(answer).toMatchObject({ status: 503, body: { code: "unavailable", retryable: true } });
    expect(await codeOf(server, "/ws/progress/s1", token)).toMatchObject({ code: 1013 });
  });
});
