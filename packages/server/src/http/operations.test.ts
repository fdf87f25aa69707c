import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";

async function created(server: TestGateway, fields: Record<string, unknown> = {}) {
  const { status, body } = await server.call("POST", "/v1/operations", {
    body: { kind: "index", operation_id: "9", session_id: "s1", ...fields },
  });
  expect(status).toBe(201);
  return body;
}

function report(server: TestGateway, lease: string, events: unknown[]) {
  return server.call("POST", "/v1/operations/9/events", { body: { lease, events } });
}

describe("operations over HTTP", () => {
  it("[P-PUB-2] an operation whose producer has half of a surrogate pair in its id is refused, since the id would be that of other producers in a store", async () => {
    await using server = await startGateway();
    for (const producer_id of ["\ud800", "\ud801"]) {
      const body = { kind: "index", user_id: "7", producer_id };
      expect(await server.call("POST", "/v1/operations", { body })).toMatchObject({
        status: 400,
        body: { code: "bad_message", detail: expect.stringContaining("well-formed Unicode") },
      });
    }
    const body = { kind: "index", user_id: "7", producer_id: "Zürich 😀" };
    const { status } = await server.call("POST", "/v1/operations", { body });
    expect(status).toBe(201);
  });

  it("operations are created, reported on, read and listed over HTTP", async () => {
    await using server = await startGateway();
    const operation = await created(server, { steps: [{ id: "scan" }, { id: "write" }] });
    expect(operation).toMatchObject({
      channel: "operation:9",
      duplicate: false,
      operation: { id: "9", kind: "index", status: "waiting" },
      lease: { token: expect.any(String), fence: expect.any(Number), ttl_ms: 30_000 },
    });
    const { status, body } = await report(server, operation.lease.token, [
      { event: "started", data: {} },
      { event: "step", data: { id: "scan", status: "done" } },
    ]);
    expect(status).toBe(200);
    expect(body.results).toEqual([
      { position: expect.any(String), duplicate: false },
      { position: expect.any(String), duplicate: false },
    ]);
    expect(await server.call("GET", "/v1/operations/9")).toMatchObject({
      status: 200,
      body: {
        operation: { status: "running", percent: 50 },
        // The estimate of the time left comes after the reports.
        position: expect.any(String),
      },
    });
    expect((await server.call("GET", "/v1/operations?session=s1&kind=index")).body).toMatchObject({
      operations: [{ operation_id: "9", status: "running" }],
    });
    expect((await server.call("GET", "/v1/operations?session=other")).body).toEqual({
      operations: [],
    });
  });

  it.each([
    [{}, /^kind is missing/],
    [{ kind: "k", steps: "scan" }, /^steps must be an array/],
    [{ kind: "k", steps: [{ title: "x" }] }, /^steps\.0\.id is missing/],
    [{ kind: "k", lease_ms: -1 }, /^lease_ms must be at least/],
    [{ kind: "k", title: 7 }, /^title must be a string/],
  ])(
    "creating an operation from %j is refused with an error that names the wrong field",
    async (body, detail) => {
      await using server = await startGateway();
      const answer = await server.call("POST", "/v1/operations", { body });
      expect(answer).toMatchObject({ status: 400, body: { code: "bad_message" } });
      expect(answer.body.detail).toMatch(detail);
    },
  );

  it("[P-OP-8] creating an operation again is a duplicate with the same API key, and already_exists with another key", async () => {
    await using server = await startGateway({
      auth: {
        apiKeys: [
          { name: "test", key: "key-of-the-test-service" },
          { name: "other", key: "key-of-the-other-service" },
        ],
      },
    });
    await created(server);
    expect(await created(server)).toMatchObject({ duplicate: true });
    expect(
      await server.call("POST", "/v1/operations", {
        credential: "key-of-the-other-service",
        body: { kind: "index", operation_id: "9" },
      }),
    ).toMatchObject({ status: 409, body: { code: "already_exists" } });
  });

  it("[P-OP-3] a report without the lease, or with a lease that was taken over, is refused with stale_lease", async () => {
    await using server = await startGateway();
    const { lease } = await created(server);
    const event = { event: "started", data: {} };
    expect(await report(server, "wrong", [event])).toMatchObject({
      status: 409,
      body: { code: "stale_lease" },
    });
    const taken = await server.call("POST", "/v1/operations/9/lease", { body: { worker: "w2" } });
    expect(taken).toMatchObject({ status: 200 });
    expect(taken.body.fence).toBeGreaterThan(lease.fence);
    expect(await report(server, lease.token, [event])).toMatchObject({
      status: 409,
      body: {
        code: "stale_lease",
        held_by: { worker: "w2", since: expect.any(Number) },
      },
    });
    expect(await report(server, taken.body.token, [event])).toMatchObject({ status: 200 });
  });

  it("[P-HTTP-3] events are reported one by one, and a bad one has its error at its index", async () => {
    await using server = await startGateway();
    const { lease } = await created(server);
    const { body } = await report(server, lease.token, [
      { event: "started", data: {} },
      { event: 7, data: {} },
      { event: "stalled", data: { silent_ms: 1 } },
      { event: "progress", data: { percent: "much" } },
      { event: "progress", data: { percent: 40 } },
    ]);
    expect(body.results.map((result: { error?: { code: string } }) => result.error?.code)).toEqual([
      undefined,
      "bad_message",
      "bad_message",
      "bad_message",
      undefined,
    ]);
    expect((await server.call("GET", "/v1/operations/9")).body.operation.percent).toBe(40);
  });

  it("[P-HTTP-3] events are reported as NDJSON with the lease in a header", async () => {
    await using server = await startGateway();
    const { lease } = await created(server);
    const ndjson = { "Content-Type": "application/x-ndjson" };
    const body = '{"event":"started","data":{}}\nnonsense\n{"event":"done","data":{"result":1}}\n';
    const without = await server.call("POST", "/v1/operations/9/events", { body, headers: ndjson });
    expect(without).toMatchObject({ status: 409, body: { code: "stale_lease" } });
    const { status, body: answer } = await server.call("POST", "/v1/operations/9/events", {
      body,
      headers: { ...ndjson, "Milepost-Lease": lease.token },
    });
    expect(status).toBe(200);
    expect(answer.results).toEqual([
      { position: expect.any(String), duplicate: false },
      { error: expect.objectContaining({ code: "bad_json" }) },
      { position: expect.any(String), duplicate: false },
    ]);
    expect((await server.call("GET", "/v1/operations/9")).body.operation.status).toBe("done");
  });

  it("[P-OP-7] an operation of another user is answered with not_found, like one that does not exist", async () => {
    await using server = await startGateway();
    await created(server, { session_id: "s2", user_id: "8" });
    const credential = await server.token();
    const answers = await Promise.all(
      ["9", "no-such"].map((id) => server.call("GET", `/v1/operations/${id}`, { credential })),
    );
    expect(answers[0]).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(answers[0]?.body).toEqual(answers[1]?.body);
    expect(
      await server.call("POST", "/v1/operations/9/commands", {
        credential,
        body: { command: "cancel" },
      }),
    ).toMatchObject({ status: 404 });
    expect((await server.call("GET", "/v1/operations", { credential })).body.operations).toEqual(
      [],
    );
  });

  it("a user token may not create, report on, take over or serve operations", async () => {
    await using server = await startGateway();
    const { lease } = await created(server);
    const credential = await server.token();
    const calls: [string, string, unknown][] = [
      ["POST", "/v1/operations", { kind: "k" }],
      ["POST", "/v1/operations/9/events", { lease: lease.token, events: [] }],
      ["POST", "/v1/operations/9/lease", {}],
      ["GET", "/v1/operations/9/commands", undefined],
      ["GET", "/v1/commands?producer=p", undefined],
      ["POST", "/v1/users/7/notifications", { message: "hi" }],
    ];
    for (const [method, path, body] of calls) {
      expect(await server.call(method, path, { credential, body })).toMatchObject({ status: 403 });
    }
  });
});

describe("commands over HTTP", () => {
  it("[P-CMD-1] a command reaches the producer that waits for it", async () => {
    await using server = await startGateway();
    await created(server, { producer_id: "p1" });
    const waiting = [
      server.call("GET", "/v1/operations/9/commands?wait=25"),
      server.call("GET", "/v1/commands?producer=p1&wait=25"),
    ];
    const requested = await server.call("POST", "/v1/operations/9/commands", {
      credential: await server.token(),
      body: { command: "cancel", args: { why: "enough" } },
    });
    expect(requested).toMatchObject({ status: 202, body: { phase: "requested" } });
    for (const { status, body } of await Promise.all(waiting)) {
      expect(status).toBe(200);
      expect(body.commands).toEqual([
        expect.objectContaining({
          operation_id: "9",
          command_id: requested.body.command_id,
          command: "cancel",
          args: { why: "enough" },
        }),
      ]);
    }
  });

  it("[P-CMD-2] a command that the operation's status does not allow is refused with not_possible_now", async () => {
    await using server = await startGateway();
    await created(server);
    expect(
      await server.call("POST", "/v1/operations/9/commands", { body: { command: "retry" } }),
    ).toMatchObject({ status: 409, body: { code: "not_possible_now" } });
  });

  it("an unknown command is refused with an error that lists the known commands", async () => {
    await using server = await startGateway();
    await created(server);
    expect(
      await server.call("POST", "/v1/operations/9/commands", { body: { command: "explode" } }),
    ).toMatchObject({
      status: 400,
      body: { code: "bad_message", detail: expect.stringContaining("cancel, pause") },
    });
  });

  it.each(["wait=-1", "wait=61", "wait=x"])(
    "waiting for commands with %s is refused",
    async (query) => {
      await using server = await startGateway();
      expect(await server.call("GET", `/v1/commands?producer=p&${query}`)).toMatchObject({
        status: 400,
        body: { code: "bad_message" },
      });
    },
  );

  it("asking for commands without a wait is answered at once, with an empty list when there are none", async () => {
    await using server = await startGateway();
    expect(await server.call("GET", "/v1/commands?producer=nobody")).toMatchObject({
      status: 200,
      body: { commands: [] },
    });
  });

  it("[P-CLOSE-2] waiting for commands ends with shutting_down when the gateway shuts down", async () => {
    await using server = await startGateway();
    await created(server);
    const waiting = server.call("GET", "/v1/operations/9/commands?wait=60");
    // Once the gateway has answered a later request, it has begun the wait of the earlier one.
    await server.call("GET", "/healthz");
    const closing = server.gateway.close({ drainMs: 60_000 });
    expect(await waiting).toMatchObject({
      status: 503,
      body: { code: "shutting_down", retryable: true },
    });
    await closing;
  });
});

describe("notifications over HTTP", () => {
  it("a notification sent over HTTP reaches the user", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws/user/7");
    await socket.nextOf("subscribed");
    const answer = await server.call("POST", "/v1/users/7/notifications", {
      body: { message: "done", level: "success", ttl_ms: 5_000 },
    });
    expect(answer).toMatchObject({ status: 200, body: { channel: "user:7", duplicate: false } });
    expect(await socket.nextOf("notification")).toMatchObject({
      data: { id: expect.any(String), message: "done", level: "success", ttl_ms: 5_000 },
    });
  });

  it("[P-NOTE-1] a notification of the shape {type, message} keeps its level over HTTP, and an unknown type is refused", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws/user/7");
    await socket.nextOf("subscribed");
    const send = (body: object) => server.call("POST", "/v1/users/7/notifications", { body });
    expect(await send({ type: "error", message: "disk full" })).toMatchObject({ status: 200 });
    expect(await socket.nextOf("notification")).toMatchObject({
      data: { level: "error", message: "disk full" },
    });
    expect(await send({ type: "fatal", message: "disk full" })).toMatchObject({
      status: 400,
      body: { code: "bad_message", detail: expect.stringContaining("type") },
    });
    const event = { channel: "user:7", event: "notification", data: { type: "fatal" } };
    expect(await server.call("POST", "/v1/publish", { body: event })).toMatchObject({
      status: 422,
      body: { code: "invalid_data" },
    });
  });

  it("a notification without a message is refused", async () => {
    await using server = await startGateway();
    expect(await server.call("POST", "/v1/users/7/notifications", { body: {} })).toMatchObject({
      status: 400,
      body: { code: "bad_message", detail: "message is missing" },
    });
  });
});
