import { startRedis } from "@milepost/redis/testing";
import { test as anyTest, expect } from "vitest";
import { openEngine } from "./runtime/open-engine.ts";
import { startGateway } from "./testing/test-gateway.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);

/** Starts a gateway on the Redis at `url`. */
async function node(url: string) {
  const log = { info() {}, warn() {}, error() {} };
  const store = await openEngine({ redis: url, redisPrefix: "milepost" }, log);
  if (store === undefined) throw new Error("no engine for the URL of Redis");
  return startGateway({ engine: store.factory, sessions: { credentials: true } });
}

test("[P-SESS-2] [G10] the end of a session reaches its sockets on another node over Redis within 5 s", async () => {
  await using redis = await startRedis();
  await using first = await node(redis.url);
  await using second = await node(redis.url);
  const body = { ttl_ms: 60_000, credential: true };
  const { body: made } = await first.call("PUT", "/v1/sessions/s1", { body });
  const token = await first.token();
  const socket = await second.socket("/ws", { token });
  expect(await socket.next()).toMatchObject({ type: "welcome", session_id: "s1" });
  const feed = await second.socket(`/ws/progress/${made.credential}`, { token: null });
  await first.gateway.operations.create({ kind: "export", session_id: "s1" });
  expect(await feed.next()).toMatchObject({ type: "progress_update", session_id: "s1" });
  const before = performance.now();
  await first.call("DELETE", "/v1/sessions/s1");
  expect(await socket.closed).toMatchObject({ code: 4102 });
  expect(await feed.closed).toEqual({ code: 1008, reason: "Session revoked" });
  expect(performance.now() - before).toBeLessThan(5_000);
});

test("[P-SESS-2] [P-SESS-3] [G10] a session that runs out closes its sockets on another node over Redis, unless it is extended", async () => {
  await using redis = await startRedis();
  await using first = await node(redis.url);
  await using second = await node(redis.url);
  for (const id of ["s1", "s2"]) {
    await first.call("PUT", `/v1/sessions/${id}`, { body: { ttl_ms: 1_500 } });
  }
  const sockets = await Promise.all(
    ["s1", "s2"].map(async (session) =>
      second.socket("/ws", { token: await second.token({ session }) }),
    ),
  );
  for (const socket of sockets) expect(await socket.next()).toMatchObject({ type: "welcome" });
  await first.call("PUT", "/v1/sessions/s2", { body: { ttl_ms: 60_000 } });
  expect(await sockets[0]?.closed).toMatchObject({ code: 4101 });
  const [, extended] = sockets;
  extended?.send({ type: "ping", id: 1 });
  expect(await extended?.next()).toMatchObject({ type: "pong", id: 1 });
});

test("[P-TICK-1] [P-TICK-5] a ticket works once over all nodes, and while Redis is away it is refused with store_unavailable", async () => {
  await using redis = await startRedis();
  await using first = await node(redis.url);
  await using second = await node(redis.url);
  await first.call("PUT", "/v1/sessions/s1", { body: { ttl_ms: 60_000 } });
  const credential = await first.token();
  const issued = await first.call("POST", "/v1/tickets", { credential });
  const path = `/ws?ticket=${issued.body.ticket}`;
  const socket = await second.socket(path, { token: null });
  expect(await socket.next()).toMatchObject({ type: "welcome", user_id: "7" });
  expect(await (await first.socket(path, { token: null })).closed).toMatchObject({ code: 4401 });
  const late = await first.call("POST", "/v1/tickets", { credential });
  await redis[Symbol.asyncDispose]();
  const away = { status: 503, body: { code: "store_unavailable", retryable: true } };
  expect(await first.call("POST", "/v1/tickets", { body: { user: "7" } })).toMatchObject(away);
  const unknown = await second.socket(`/ws?ticket=${late.body.ticket}`, { token: null });
  expect(await unknown.closed).toMatchObject({ code: 1013 });
  const poll = `/v1/poll?channels=chat:1&ticket=${late.body.ticket}`;
  expect(await second.call("GET", poll, { credential: null })).toMatchObject(away);
});
