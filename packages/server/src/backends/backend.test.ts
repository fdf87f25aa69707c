import type { MethodCall } from "@milepost/core";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { JsonText, MilepostError } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { answerWith, startBackend, type TestBackend } from "../testing/test-backend.ts";
import { Backend, type BackendOptions } from "./backend.ts";
import { verifySignature } from "./signature.ts";

const secret = "milepost-test-secret-of-32-bytes!";

/**
 * Creates a `Backend` for the test server, on a manual clock. Returns functions that call it, and its log
 * lines.
 */
function callerOf({ url }: Pick<TestBackend, "url">, options: Partial<BackendOptions> = {}) {
  const clock = new ManualClock();
  const told: unknown[] = [];
  const tell = (fields: unknown, message: string) => told.push([fields, message]);
  const log = { info: tell, warn: tell, error: tell };
  const parts = { clock, random: new SeededRandom(3), log };
  const backend = new Backend("orders.*", { url, secret, ...options }, parts);
  let id = 0;
  const call = (params: unknown, rest: Partial<MethodCall> = {}) =>
    Promise.resolve(
      backend.definition.handler(params, {
        method: "orders.get",
        requestId: `r${++id}`,
        principal: {
          kind: "user",
          user: "7",
          session: "s1",
          grants: { subscribe: [], publish: [] },
          expiresAt: undefined,
        },
        key: undefined,
        deadline: clock.now() + 10_000,
        signal: new AbortController().signal,
        input: (async function* () {})(),
        ...rest,
      }),
    );
  const failing = (params: unknown = {}, rest: Partial<MethodCall> = {}) =>
    call(params, rest).then(
      (result) => {
        throw new Error(`answered ${JSON.stringify(result)}`);
      },
      (error: unknown) => error as MilepostError,
    );
  return { backend, call, failing, clock, told, [Symbol.dispose]: () => backend.close() };
}

describe("a request to a backend", () => {
  it("[P-RPC-6] a backend receives a signed request with user, method, parameters and deadline; its answer is the result", async () => {
    await using server = await startBackend(answerWith(200, { total: 3 }));
    using caller = callerOf(server);
    expect(await caller.call({ id: "é" }, { deadline: 1_767_225_610_000 })).toEqual(
      new JsonText('{"total":3}'),
    );
    const { body, headers } = await server.arrived(1);
    expect(JSON.parse(body)).toEqual({
      id: "r1",
      method: "orders.get",
      params: { id: "é" },
      user_id: "7",
      session_id: "s1",
      deadline_ms: 1_767_225_610_000,
    });
    expect(headers["content-type"]).toBe("application/json");
    const header = String(headers["milepost-signature"]);
    const now = caller.clock.now() / 1_000;
    expect(verifySignature({ header, method: "orders.get", body, secrets: [secret], now })).toBe(
      true,
    );
    expect(headers["idempotency-key"]).toBeUndefined();
  });

  it("[P-RPC-6] the Idempotency-Key header differs per user (or per session without a user), per method and per key", async () => {
    await using server = await startBackend(answerWith(200, null));
    using caller = callerOf(server);
    const principal = { kind: "user", grants: { subscribe: [], publish: [] } } as const;
    const as = (user: string | undefined, session: string | undefined) => ({
      key: "k1",
      principal: { ...principal, user, session, expiresAt: undefined },
    });
    const calls: Partial<MethodCall>[] = [
      as("7", "s1"),
      as("8", "s1"),
      as(undefined, "7"),
      { ...as("7", "s1"), method: "orders.pay" },
      { ...as("7", "s1"), key: "k2" },
      { ...as("7", "s1"), key: "\ud800" },
      { ...as("7", "s1"), key: "\ud801" },
      as("7", "s2"),
    ];
    for (const rest of calls) await caller.call({}, rest);
    const keys = server.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys.slice(0, 7)).size).toBe(7);
    // Another session of the same user gets the same idempotency key.
    expect(keys[7]).toBe(keys[0]);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({ key: "k1" });
  });

  it("requests to a backend reuse one kept-alive connection", async () => {
    await using server = await startBackend(answerWith(200, 1));
    using caller = callerOf(server);
    for (let i = 0; i < 5; i++) await caller.call({});
    expect(server.connections).toBe(1);
  });

  it("a request on a kept-alive connection that was closed is sent again if it has an idempotency key, and fails otherwise", async () => {
    const seen = new Set<unknown>();
    await using server = await startBackend((request) => {
      // The server resets a connection at the second request on it.
      const { socket } = request.response;
      if (seen.has(socket)) socket?.resetAndDestroy();
      else answerWith(200, '"fine"')(request);
      seen.add(socket);
    });
    using caller = callerOf(server);
    expect(await caller.call({})).toEqual(new JsonText('"fine"'));
    expect(await caller.call({}, { key: "k" })).toEqual(new JsonText('"fine"'));
    expect(server.requests).toHaveLength(3);
    expect((await caller.failing()).code).toBe("unavailable");
    expect(server.requests).toHaveLength(4);
  });
});

describe("a backend's answer", () => {
  it("[P-RPC-7] a 2xx JSON answer is the result, and an empty one is null", async () => {
    const answers = [answerWith(200, [1]), answerWith(201, "0"), answerWith(204, "")];
    await using server = await startBackend((request) => answers.shift()?.(request));
    using caller = callerOf(server);
    expect([await caller.call({}), await caller.call({}), await caller.call({})]).toEqual([
      new JsonText("[1]"),
      new JsonText("0"),
      null,
    ]);
  });

  it("[P-RPC-7] a backend's error answer becomes its own code, rate_limited, backend_failed, or unavailable for 5xx", async () => {
    const problem = { code: "not_possible_now", detail: "sold out", title: "no" };
    const cases = [
      [answerWith(409, problem), "not_possible_now", "sold out", undefined],
      [answerWith(404, { title: "no such order" }), "backend_failed", "no such order", undefined],
      [answerWith(400, { code: "E77", detail: 7 }), "backend_failed", "400", undefined],
      [answerWith(401, "<html>"), "backend_failed", "401", undefined],
      [answerWith(429, {}, { "Retry-After": "3" }), "rate_limited", "429", 3_000],
      [answerWith(422, { detail: "x".repeat(9_999) }), "backend_failed", /^x{500}$/, undefined],
      [answerWith(200, "<html>"), "backend_failed", "not valid JSON", undefined],
      [answerWith(200, "[".repeat(99) + "]".repeat(99)), "backend_failed", "deep", undefined],
      [
        answerWith(500, problem),
        "unavailable",
        "the backend of orders.get is failing; try again later",
        undefined,
      ],
      [answerWith(503, "", { "Retry-After": "2" }), "unavailable", "is failing", 2_000],
      [answerWith(502, "", { "Retry-After": "Tue" }), "unavailable", "is failing", undefined],
    ] as const;
    let at = 0;
    await using server = await startBackend((request) => cases[at++]?.[0](request));
    using caller = callerOf(server, { breaker: { failuresInRow: 100, minCalls: 100 } });
    for (const [, code, message, retryAfterMs] of cases) {
      const error = await caller.failing();
      expect(error).toMatchObject({ code, retryAfterMs });
      if (typeof message === "string") expect(error.message).toContain(message);
      else expect(error.message).toMatch(message);
    }
  });

  it("[P-RPC-7] the gateway does not follow a backend's redirect", async () => {
    await using elsewhere = await startBackend(answerWith(200, "stolen"));
    await using server = await startBackend(answerWith(307, "", { Location: elsewhere.url }));
    using caller = callerOf(server);
    expect(await caller.failing()).toMatchObject({
      code: "backend_failed",
      message: expect.stringContaining("redirects are not followed"),
    });
    expect(elsewhere.requests).toEqual([]);
  });

  it("[P-RPC-7] the gateway reads an answer up to maxAnswerBytes and then closes the connection", async () => {
    let written = 0;
    await using server = await startBackend(({ response }) => {
      const part = Buffer.alloc(65_536, "1");
      const more = () => {
        while (!response.destroyed && response.write(part)) written += part.length;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    using caller = callerOf(server, { maxAnswerBytes: 100_000 });
    expect(await caller.failing()).toMatchObject({ code: "backend_failed" });
    await (await server.arrived(1)).closed;
    expect(written).toBeLessThan(64 * 1_048_576);
    // The backend is up, and one caller's oversized answer must not affect other callers.
    expect(caller.backend.stats.state).toBe("closed");
  });

  it("[P-RPC-7] [P-RPC-8] an error answer of a backend maps to the same error when its body exceeds maxAnswerBytes", async () => {
    const body = "x".repeat(200_000);
    let status = 429;
    await using server = await startBackend((request) =>
      answerWith(status, body, { "Retry-After": "2" })(request),
    );
    using caller = callerOf(server, { maxAnswerBytes: 100_000, breaker: { failuresInRow: 2 } });
    expect(await caller.failing()).toMatchObject({ code: "rate_limited", retryAfterMs: 2_000 });
    status = 404;
    expect(await caller.failing()).toMatchObject({ code: "backend_failed" });
    status = 503;
    for (const state of ["closed", "open"]) {
      expect(await caller.failing()).toMatchObject({ code: "unavailable", retryAfterMs: 2_000 });
      expect(caller.backend.stats.state).toBe(state);
    }
  });

  it("[P-RPC-7] a request fails as unavailable when the backend cannot be reached or breaks off its answer", async () => {
    await using broken = await startBackend(({ response }) => response.socket?.resetAndDestroy());
    await using half = await startBackend(({ response }) => {
      response.writeHead(200, { "Content-Length": "100" });
      response.write("{", () => response.destroy());
    });
    let gone = "";
    {
      await using server = await startBackend(() => {});
      gone = server.url;
    }
    for (const { url } of [broken, half, { url: gone }]) {
      using caller = callerOf({ url });
      const error = await caller.failing();
      expect(error).toMatchObject({ code: "unavailable", retryable: true });
      expect(error.message).not.toContain("127.0.0.1");
    }
  });
});

describe("a failing backend", () => {
  it("[P-RPC-8] a failing backend gets no requests; callers get unavailable with a retry time until a probe succeeds", async () => {
    let well = false;
    await using server = await startBackend((request) =>
      answerWith(well ? 200 : 500, well ? '"fine"' : "")(request),
    );
    using caller = callerOf(server);
    for (let i = 0; i < 5; i++) expect((await caller.failing()).code).toBe("unavailable");
    const refused = await caller.failing();
    expect(refused).toMatchObject({ code: "unavailable" });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(server.requests).toHaveLength(5);
    expect(caller.backend.stats).toEqual({ methods: "orders.*", state: "open", inFlight: 0 });

    await caller.clock.advance(refused.retryAfterMs ?? 0);
    well = true;
    const both = await Promise.allSettled([caller.call({}), caller.call({})]);
    expect(both).toMatchObject([
      { status: "fulfilled", value: new JsonText('"fine"') },
      { status: "rejected", reason: { code: "unavailable" } },
    ]);
    expect(server.requests).toHaveLength(6);
    expect(caller.backend.stats.state).toBe("closed");
  });

  it("[P-RPC-8] a slow backend counts as failing by its own timeout, not by shorter deadlines of callers", async () => {
    await using server = await startBackend(() => {});
    using caller = callerOf(server, { timeoutMs: 5_000, breaker: { failuresInRow: 2 } });
    const lateAfter = async (ms: number, nth: number) => {
      const controller = new AbortController();
      const failing = caller.failing({}, { signal: controller.signal });
      const { closed } = await server.arrived(nth);
      await caller.clock.advance(ms);
      const reason = new MilepostError("timed_out", "the request took too long");
      controller.abort(reason);
      expect(await failing).toBe(reason);
      await closed;
    };
    for (let nth = 1; nth <= 6; nth++) await lateAfter(10, nth);
    expect(caller.backend.stats).toMatchObject({ state: "closed", inFlight: 0 });
    await lateAfter(5_000, 7);
    await lateAfter(5_000, 8);
    expect(caller.backend.stats.state).toBe("open");
  });

  it("[P-RPC-8] a request beyond maxConcurrent fails at once as unavailable", async () => {
    await using server = await startBackend(() => {});
    using caller = callerOf(server, { maxConcurrent: 2 });
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [caller.failing({}, { signal }), caller.failing({}, { signal })];
    await server.arrived(2);
    expect(await caller.failing()).toMatchObject({ code: "unavailable", retryAfterMs: 1_000 });
    expect(server.requests).toHaveLength(2);
    controller.abort(new MilepostError("cancelled", "given up"));
    for (const call of calls) expect((await call).code).toBe("cancelled");
    expect(caller.backend.stats).toMatchObject({ state: "closed", inFlight: 0 });
  });

  it("the log of a failing backend contains neither its secret, its address, the request nor the answer", async () => {
    await using server = await startBackend(answerWith(500, "the-answer"));
    using caller = callerOf(server);
    for (let i = 0; i < 6; i++)
      await caller.failing({ card: "4711-canary" }, { key: "key-canary" });
    const told = JSON.stringify(caller.told);
    expect(told).toContain("the backend answered with status 500");
    expect(told).toContain("its circuit breaker opened");
    for (const part of [secret, server.url, "canary", "the-answer"]) {
      expect(told).not.toContain(part);
    }
  });

  it("a backend refuses a URL that is not http: or https:, a URL with credentials, and a secret that is too short or missing", () => {
    for (const [options, why] of [
      [{ url: "ftp://x/" }, "http: or https:"],
      [{ url: "orders" }, "http: or https:"],
      [{ url: "http://user:pass@x/" }, "no credentials"],
      [{ url: "http://x/", secret: "short" }, "at least 32 bytes"],
      [{ url: "http://x/", secret: undefined as unknown as string }, "the secret is missing"],
    ] as const) {
      expect(() => callerOf({ url: "" }, options)).toThrow(why);
    }
  });
});
