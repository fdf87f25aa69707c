import { expect, it } from "vitest";
import { z } from "zod";
import { defineMethod } from "./index.ts";
import { answerWith, startBackend } from "./testing/test-backend.ts";
import { startGateway } from "./testing/test-gateway.ts";

const orders = {
  "orders.get": defineMethod({
    params: z.object({ id: z.int(), parts: z.array(z.string()).default([]) }),
    result: z.object({ id: z.int(), user: z.string().optional() }),
    handler: ({ id, parts }, { principal }) => ({
      id: id + parts.length,
      ...(principal.user !== undefined && { user: principal.user }),
    }),
  }),
};

it("[P-RPC-1] a method of the host program can be requested over WebSocket and by POST to a connection's messages", async () => {
  await using server = await startGateway({ methods: orders });
  const request = {
    type: "request",
    id: 1,
    method: "orders.get",
    params: { id: 41, parts: ["a"] },
  };
  const reply = { type: "reply", id: 1, result: { id: 42, user: "7" } };
  const socket = await server.socket();
  socket.send(request);
  expect(await socket.nextOf("reply")).toMatchObject(reply);
  const polling = await server.call("POST", "/v1/connections/-/messages", {
    credential: await server.token(),
    body: request,
  });
  expect(polling.body).toEqual([reply]);
});

it("[P-RPC-2] a request with invalid parameters is refused with the place and reason of each fault from the Zod schema", async () => {
  await using server = await startGateway({ methods: orders });
  const socket = await server.socket();
  const params = { id: "x", parts: ["a", 1] };
  socket.send({ type: "request", id: 1, method: "orders.get", params });
  const { error } = await socket.nextOf("reply");
  expect(error).toMatchObject({ code: "invalid_data" });
  expect(error.message).toMatch(/id: .*number.*; parts\[1\]: .*string/);
});

it("[P-RPC-1] a gateway with an invalid method name does not start", async () => {
  const methods = { "operations.mine": { handler: () => 1 } };
  await expect(startGateway({ methods })).rejects.toThrow("operations.mine");
});

const secret = "milepost-test-secret-of-32-bytes!";

it("[P-RPC-6] a method that a backend answers behaves like a method of the host program", async () => {
  await using backend = await startBackend((request) => {
    const { params, user_id } = JSON.parse(request.body);
    answerWith(200, { id: params.id, user: user_id })(request);
  });
  await using server = await startGateway({
    methods: orders,
    backends: { "orders.*": { url: backend.url, secret } },
  });
  const socket = await server.socket();
  const params = { id: 5 };
  expect(await socket.ask({ type: "request", id: 1, method: "orders.pay", params })).toMatchObject({
    type: "reply",
    id: 1,
    result: { id: 5, user: "7" },
  });
  expect(await socket.ask({ type: "request", id: 2, method: "orders.get", params })).toMatchObject({
    result: { id: 5 },
  });
  expect(backend.requests).toHaveLength(1);
});

it("[P-RPC-3] a cancel, a deadline and a lost connection each close the request to the backend", async () => {
  await using backend = await startBackend(() => {});
  await using server = await startGateway({ backends: { slow: { url: backend.url, secret } } });
  const socket = await server.socket();
  socket.send({ type: "request", id: 1, method: "slow" });
  const cancelled = await backend.arrived(1);
  socket.send({ type: "cancel", id: 1 });
  expect(await socket.nextOf("reply")).toMatchObject({ id: 1, error: { code: "cancelled" } });
  await cancelled.closed;

  socket.send({ type: "request", id: 2, method: "slow", timeout_ms: 100 });
  const late = await backend.arrived(2);
  expect(await socket.nextOf("reply")).toMatchObject({ id: 2, error: { code: "timed_out" } });
  await late.closed;

  socket.send({ type: "request", id: 3, method: "slow" });
  const lost = await backend.arrived(3);
  socket.terminate();
  await lost.closed;
  expect(server.gateway.stats().backends).toEqual([
    { methods: "slow", state: "closed", inFlight: 0 },
  ]);
});

it("[P-RPC-8] the health endpoint counts the backends by state and does not name them", async () => {
  await using backend = await startBackend(answerWith(500, ""));
  await using server = await startGateway({
    backends: {
      bad: { url: backend.url, secret, breaker: { failuresInRow: 1 } },
      good: { url: backend.url, secret },
    },
  });
  const socket = await server.socket();
  await socket.ask({ type: "request", id: 1, method: "bad" });
  expect(await socket.ask({ type: "request", id: 2, method: "bad" })).toMatchObject({
    error: { code: "unavailable", retryable: true, retry_after_ms: expect.any(Number) },
  });
  const { body } = await server.call("GET", "/ws/health", { credential: null });
  expect(body.backends).toEqual({ closed: 1, open: 1, half_open: 0 });
});

it("a gateway does not start if a method is handled both locally and by a backend, or if a backend is invalid", async () => {
  const url = "http://127.0.0.1:9/";
  await expect(
    startGateway({ methods: orders, backends: { "orders.get": { url, secret } } }),
  ).rejects.toThrow("orders.get");
  await expect(startGateway({ backends: { "history.*": { url, secret } } })).rejects.toThrow(
    "history.*",
  );
});
