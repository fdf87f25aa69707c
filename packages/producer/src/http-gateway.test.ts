import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { signRequest, verifyPublication } from "@milepost/protocol";
import { expect, test } from "vitest";
import { httpGateway } from "./http-gateway.ts";
import { ManualClock, promisesSettled } from "./testing/manual-clock.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

interface Request {
  readonly line: string;
  readonly authorization: string | undefined;
  readonly signature: string | undefined;
  readonly body: string;
}

/**
 * Starts a real HTTP server that sends the given answers in order and records the requests. It never answers a
 * request for which "never" is given.
 */
async function serve(...answers: (Answer | "never")[]) {
  const requests: Request[] = [];
  let arrived = () => {};
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { authorization } = request.headers;
    const signature = request.headers["milepost-signature"] as string | undefined;
    requests.push({ line: `${request.method} ${request.url}`, authorization, signature, body });
    arrived();
    const answer = answers.shift();
    if (!answer || answer === "never") return;
    response.writeHead(answer.status, answer.headers);
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    nextRequest: () =>
      new Promise<void>((resolve) => {
        arrived = resolve;
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Returns an answer with a problem document, as the gateway sends it. */
function problem(status: number, code: string, detail: string, headers = {}): Answer {
  const body = { type: `urn:milepost:error:${code}`, title: "t", status, detail, code };
  return { status, body, headers: { "content-type": "application/problem+json", ...headers } };
}

const lease = { token: "l", fence: 1, ttl_ms: 30_000 };

test("the HTTP gateway calls the documented paths and sends the key only in the Authorization header", async () => {
  await using server = await serve(
    { status: 201, body: { operation: {}, channel: "operation:a", lease, duplicate: false } },
    { status: 200, body: { results: [{ position: "p", duplicate: false }] } },
    { status: 200, body: lease },
    { status: 200, body: { commands: [] } },
    { status: 200, body: { commands: [] } },
  );
  const gateway = httpGateway({ url: `${server.url}/push`, apiKey: "secret" });
  expect((await gateway.create({ kind: "k" })).lease).toEqual(lease);
  const events = [{ event: "log", data: { message: "m" }, key: "k1" }];
  await gateway.report("a/b", { lease: "l", events });
  await expect(gateway.takeOver("a", 5_000)).resolves.toEqual(lease);
  await gateway.pendingCommands({ producer: "p 1" }, 25_000);
  await gateway.pendingCommands({ operation: "a" }, 0);
  expect(server.requests.map(({ line }) => line)).toEqual([
    "POST /push/v1/operations",
    "POST /push/v1/operations/a%2Fb/events",
    "POST /push/v1/operations/a/lease",
    "GET /push/v1/commands?producer=p%201&wait=25",
    "GET /push/v1/operations/a/commands?wait=0",
  ]);
  expect(JSON.parse(server.requests[1]?.body ?? "")).toEqual({ lease: "l", events });
  for (const request of server.requests) {
    expect(request.authorization).toBe("Bearer secret");
    expect(request.line + request.body).not.toContain("secret");
  }
});

test("the HTTP gateway turns a problem document into a MilepostError with the retry wait that the gateway asked for", async () => {
  await using server = await serve(
    problem(409, "stale_lease", "taken over"),
    problem(429, "rate_limited", "Slow", { "retry-after": "3" }),
  );
  const gateway = httpGateway({ url: server.url, apiKey: "secret" });
  const report = () => gateway.report("a", { lease: "l", events: [] });
  await expect(report()).rejects.toMatchObject({
    code: "stale_lease",
    message: "taken over",
    retryable: false,
  });
  await expect(report()).rejects.toMatchObject({
    code: "rate_limited",
    retryable: true,
    retryAfterMs: 3_000,
  });
});

test("the HTTP gateway treats a response that no Milepost gateway sent, such as a proxy's, as a retryable error", async () => {
  await using server = await serve(
    { status: 502, body: "<html>bad gateway</html>" },
    { status: 404, body: "not here" },
    { status: 200, body: "<html>welcome</html>" },
    { status: 200, body: '{"results":[]}', headers: { "content-type": "text/html" } },
    { status: 200, body: { something: "else" } },
    { status: 302, body: "" },
    { status: 401, body: { code: "unauthenticated", detail: "no" } },
    { status: 403, body: { code: "WAF_BLOCKED", detail: "no" } },
    { status: 400, body: { code: "invented_later", retryable: false, detail: "no" } },
    { status: 503, body: { code: "SERVICE_UNAVAILABLE", retryable: false } },
  );
  const gateway = httpGateway({ url: server.url, apiKey: "secret" });
  for (let i = 0; i < 10; i++) {
    await expect(gateway.report("a", { lease: "l", events: [] })).rejects.toMatchObject({
      code: "internal",
      retryable: true,
    });
  }
});

test("the HTTP gateway turns an unreachable gateway into a retryable error that does not contain the key", async () => {
  const server = await serve();
  await server[Symbol.asyncDispose]();
  const gateway = httpGateway({ url: server.url, apiKey: "canary-key" });
  const error: unknown = await gateway.create({ kind: "k" }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "store_unavailable", retryable: true });
  expect(String(error)).toContain("ECONNREFUSED");
  expect(JSON.stringify(error) + String(error)).not.toContain("canary-key");
});

test("an unanswered HTTP call fails at its timeout, and at once when the caller aborts it", async () => {
  await using server = await serve("never", "never");
  const clock = new ManualClock();
  const gateway = httpGateway({ url: server.url, apiKey: "k", clock, timeoutMs: 10_000 });
  const first = gateway.pendingCommands({ producer: "p" }, 25_000);
  const timedOut = expect(first).rejects.toMatchObject({ code: "timed_out", retryable: true });
  await server.nextRequest();
  await clock.advance(34_999);
  let settled = false;
  void first.catch(() => {}).finally(() => (settled = true));
  await promisesSettled();
  expect(settled).toBe(false);
  await clock.advance(1);
  await timedOut;

  const controller = new AbortController();
  const arrived = server.nextRequest();
  const second = gateway.create({ kind: "k" }, controller.signal);
  const cancelled = expect(second).rejects.toMatchObject({ code: "cancelled" });
  await arrived;
  controller.abort();
  await cancelled;
  expect(clock.pending).toBe(0);
});

test.each([undefined, ""])(
  "httpGateway says that the API key is missing when it is %j, instead of sending a credential that is refused",
  (missing) => {
    const apiKey = missing as unknown as string;
    expect(() => httpGateway({ url: "http://127.0.0.1:8787", apiKey })).toThrow(
      "apiKey is missing; is its environment variable set?",
    );
  },
);

test("data that cannot be written as JSON is refused for good, and no request is made", async () => {
  let calls = 0;
  const fetch = () => {
    calls++;
    return Promise.reject(new Error("no network"));
  };
  const gateway = httpGateway({ url: "http://gateway.test", apiKey: "k", fetch });
  const loop: { self?: unknown } = {};
  loop.self = loop;
  for (const data of [10n, loop]) {
    const refusal = { code: "bad_message", retryable: false };
    await expect(gateway.publish("a", "b", data, { key: "k" })).rejects.toMatchObject(refusal);
    await expect(gateway.create({ kind: "k", input: data })).rejects.toMatchObject(refusal);
  }
  expect(calls).toBe(0);
});

const signingKey = { id: "2026-11", secret: "the secret of a test, of 32 bytes and more" };

/** Returns the signature that a gateway expects for a request with the time and the nonce of `header`. */
async function expectedFor(header: string, target: string, body: string, key = signingKey) {
  const [, timestamp, nonce = ""] = /^t=(\d+),n=([^,]+)/.exec(header) ?? [];
  const moment = { timestamp: Number(timestamp), nonce };
  return signRequest(key, { method: "POST", target, body, ...moment });
}

test("[P-SIG-1] a gateway with signing signs what it posts, anew for each try, from /v1 on and not what it gets", async () => {
  const answer = { status: 200, body: { results: [{}] } };
  await using server = await serve(answer, answer, { status: 200, body: { commands: [] } });
  const gateway = httpGateway({
    url: `${server.url}/push`,
    apiKey: "key",
    signing: { key: signingKey },
  });
  await gateway.publish("chat:42", "message", "é", { key: "k" });
  await gateway.publish("chat:42", "message", "é", { key: "k" });
  await gateway.pendingCommands({ producer: "p" }, 0);
  const [first, second, third] = server.requests;
  expect(first?.line).toBe("POST /push/v1/publish");
  for (const { signature = "", body = "" } of [first ?? {}, second ?? {}]) {
    expect(signature).toBe(await expectedFor(signature, "/v1/publish", body));
    expect(JSON.parse(body)).not.toHaveProperty("sig");
  }
  expect(first?.signature).not.toBe(second?.signature);
  expect(third?.signature).toBeUndefined();
});

test("[P-SIG-6] with publications, each publish carries a sig that readers can verify, by the key of that moment", async () => {
  const answer = { status: 200, body: { results: [{}] } };
  await using server = await serve(answer, answer);
  const keys = [signingKey, { ...signingKey, id: "2026-12" }];
  const key = async () => keys[server.requests.length] ?? signingKey;
  const gateway = httpGateway({
    url: server.url,
    apiKey: "key",
    signing: { key, publications: true },
  });
  for (const { id } of keys) {
    await gateway.publish("chat:42", "message", { n: 1 }, { key: "k" });
    const sent = JSON.parse(server.requests.at(-1)?.body ?? "");
    expect(await verifyPublication(sent, () => signingKey.secret)).toMatchObject({
      valid: true,
      keyId: id,
    });
  }
});

test("[P-SIG-3] a call whose signature was refused is sent once more with a new signature, and then fails", async () => {
  const refusal = {
    status: 401,
    headers: { "content-type": "application/problem+json" },
    body: { type: "urn:milepost:error:bad_signature", code: "bad_signature", detail: "used" },
  };
  const answer = { status: 200, body: { results: [{ position: "p" }] } };
  await using server = await serve(refusal, answer, refusal, refusal);
  const gateway = httpGateway({
    url: server.url,
    apiKey: "key",
    signing: { key: signingKey, publications: true },
  });
  const publish = () => gateway.publish("chat:42", "message", 1, { key: "k" });
  expect(await publish()).toEqual({ position: "p" });
  await expect(publish()).rejects.toMatchObject({ code: "bad_signature" });
  const headers = server.requests.map(({ signature }) => signature);
  const sigs = server.requests.map(({ body }) => JSON.parse(body).sig);
  expect(new Set(headers).size).toBe(4);
  expect(new Set(sigs).size).toBe(4);
});

test("a request that cannot be signed is not sent, and rejects with bad_signature", async () => {
  await using server = await serve();
  for (const key of [
    { ...signingKey, secret: "too short" },
    () => Promise.reject(new Error("the vault is away")),
  ]) {
    const gateway = httpGateway({ url: server.url, apiKey: "key", signing: { key } });
    const publish = gateway.publish("chat:42", "message", 1, { key: "k" });
    await expect(publish).rejects.toMatchObject({ code: "bad_signature", retryable: false });
  }
  expect(server.requests).toEqual([]);
});

test("[P-CMD-11] commandAll goes through all pages of a filter, asks for the next one only when it is needed, and ends at a page that fails", async () => {
  const result = (id: string) => ({ operation_id: id, command_id: `c${id}`, phase: "requested" });
  const refused = {
    operation_id: "b",
    error: { code: "rate_limited", message: "m", retryable: true },
  };
  await using server = await serve(
    { status: 200, body: { results: [result("a"), refused], next: "1:b" } },
    { status: 200, body: { results: [result("c")], next: "1:c" } },
    problem(503, "store_unavailable", "away"),
  );
  const gateway = httpGateway({ url: server.url, apiKey: "k" });
  const input = { command: "cancel", filter: { kind: "index" }, key: "stop-all" } as const;
  const results = gateway.commandAll(input);
  expect(await results.next()).toEqual({ done: false, value: result("a") });
  expect(await results.next()).toEqual({ done: false, value: refused });
  expect(server.requests).toHaveLength(1);
  expect(await results.next()).toEqual({ done: false, value: result("c") });
  await expect(results.next()).rejects.toMatchObject({
    code: "store_unavailable",
    retryable: true,
  });
  expect(server.requests.map(({ line }) => line)).toEqual(
    Array(3).fill("POST /v1/operations/commands"),
  );
  expect(server.requests.map(({ body }) => JSON.parse(body))).toEqual([
    input,
    { ...input, after: "1:b" },
    { ...input, after: "1:c" },
  ]);
});

test("[P-CMD-11] commandAll rejects an answer that is no list of results, and sends nothing more after its signal", async () => {
  await using server = await serve(
    { status: 200, body: { results: "none" } },
    { status: 200, body: { results: [], next: "1:b" } },
  );
  const gateway = httpGateway({ url: server.url, apiKey: "k" });
  const input = { command: "cancel", filter: { tag: "nightly" } } as const;
  await expect(gateway.commandAll(input).next()).rejects.toMatchObject({ retryable: true });
  const ended = AbortSignal.abort(new Error("enough"));
  await expect(gateway.commandAll(input, ended).next()).rejects.toThrow();
  expect(server.requests).toHaveLength(1);
});
