import { defineContract } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { startGateway } from "../testing/test-gateway.ts";

const kept = { maxEntries: 10, maxAgeMs: 3_600_000 };
const rules = [
  { pattern: "chat:*", subscribe: "granted", publish: "granted", retention: kept },
  { pattern: "chat:quiet", subscribe: "granted", publish: "granted", retention: kept },
  {
    pattern: "slow:*",
    subscribe: "granted",
    publish: "granted",
    retention: kept,
    rate: { perSecond: 1, burst: 1, perPrincipal: { perSecond: 0.01, burst: 1 } },
  },
] as const;

describe("looking into a node over HTTP", () => {
  test("[P-CONS-9] the channels with readers are listed by pages, and a channel is described without a log being begun", async () => {
    await using server = await startGateway({ rules });
    const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    for (const [id, channel] of ["chat:a", "chat:b", "chat:c"].entries()) {
      await socket.ask({ type: "subscribe", id, channel });
    }
    const body = { channel: "chat:b", event: "note", data: 1 };
    const { results } = (await server.call("POST", "/v1/publish", { body })).body;
    await socket.nextOf("event");
    const first = (await server.call("GET", "/v1/channels?prefix=chat:&limit=2")).body;
    expect(first).toMatchObject({
      node: server.gateway.node,
      channels: [
        { channel: "chat:a", readers: 1 },
        { channel: "chat:b", readers: 1, position: results[0].position },
      ],
      total: 3,
      next: "chat:b",
    });
    const second = await server.call("GET", `/v1/channels?prefix=chat:&after=${first.next}`);
    expect(second.body.channels).toMatchObject([{ channel: "chat:c" }]);
    expect(second.body).not.toHaveProperty("next");
    expect((await server.call("GET", "/v1/channels/chat:b")).body).toMatchObject({
      channel: "chat:b",
      readers: 1,
      position: results[0].position,
      entries: 1,
      appended: 1,
      retention: { max_entries: 10 },
      rule: { pattern: "chat:*", origin: "deployment", index: 0 },
    });
    const unused = (await server.call("GET", "/v1/channels/chat:nobody")).body;
    expect(unused).toMatchObject({ readers: 0, entries: 0, appended: 0 });
    expect(unused).not.toHaveProperty("position");
    const ended = await server.call("POST", "/v1/channels/chat:b/end", { body: {} });
    expect(ended.status).toBe(200);
    expect((await server.call("GET", "/v1/channels/chat:b")).body.ended).toMatchObject({
      reason: "complete",
    });
  });

  test("[P-CONS-10] the rule that holds for a name is named, with the reasons why the earlier ones do not", async () => {
    await using server = await startGateway({ rules });
    const { body } = await server.call("GET", "/v1/rules/slow:1");
    expect(body).toMatchObject({
      holds: { pattern: "slow:*", origin: "deployment", index: 2 },
      rule: { rate: { perSecond: 1 } },
      tried: expect.arrayContaining([
        { pattern: "chat:*", origin: "deployment", index: 0, why: "segment 1 is slow, not chat" },
      ]),
    });
    const { rules: all } = (await server.call("GET", "/v1/rules")).body;
    const own = all.filter(({ origin }: { origin: string }) => origin === "deployment");
    expect(own).toMatchObject([
      { pattern: "chat:*" },
      { pattern: "chat:quiet", unreachable_by: { pattern: "chat:*" } },
      { pattern: "slow:*" },
    ]);
    expect(await server.call("GET", "/v1/rules/not a name")).toMatchObject({ status: 400 });
  });

  test("[P-CONS-9] [P-CONS-10] a rule of the contract is named as the one that holds, and its schemas are left out", async () => {
    const schema = { note: z.object({ text: z.string() }) };
    await using server = await startGateway({
      rules: [{ ...rules[0], schema }],
      contract: defineContract({ channels: { "room:{room}": { events: {}, retention: kept } } }),
    });
    const rule = { pattern: "room:{room}", origin: "contract", index: 0 };
    expect((await server.call("GET", "/v1/rules/room:1")).body).toMatchObject({
      holds: rule,
      rule: { retention: kept },
      captures: { room: "1" },
    });
    expect((await server.call("GET", "/v1/channels/room:1")).body).toMatchObject({
      retention: { max_entries: 10 },
      rule,
    });
    const { body } = await server.call("GET", "/v1/rules/chat:1");
    expect(body).toMatchObject({ holds: { origin: "deployment" } });
    expect(body.rule).not.toHaveProperty("schema");
  });

  test("[P-CONS-11] whoever reaches a limit is named with the limit and the number of times", async () => {
    await using server = await startGateway({ rules, limits: { maxConnectionsPerUser: 1 } });
    const token = await server.token({ channels: { subscribe: [], publish: ["slow:*"] } });
    const publish = () =>
      server.call("POST", "/v1/publish", {
        credential: token,
        body: { channel: "slow:1", event: "e", data: 1 },
      });
    expect((await publish()).status).toBe(200);
    expect((await publish()).status).toBe(429);
    expect((await publish()).status).toBe(429);
    await server.socket("/ws", { token });
    const second = await server.socket("/ws", { token });
    await second.closed;
    const { body } = await server.call("GET", "/v1/limits");
    expect(body.limits).toMatchObject({ maxConnectionsPerUser: 1 });
    expect(body.limited).toMatchObject([
      { limit: "connections_user", who: "user:7", count: 1 },
      { limit: "publish_rate", who: "user:7", count: 2 },
    ]);
  });

  test("[P-CONS-12] the holder of an operation is named with its node and its last sign", async () => {
    await using server = await startGateway();
    const before = Date.now();
    await server.call("POST", "/v1/operations", {
      body: { operation_id: "9", kind: "export", producer_id: "worker-3" },
    });
    const { body } = await server.call("GET", "/v1/operations/9/holder");
    expect(body).toMatchObject({
      operation_id: "9",
      service: "test",
      node: server.gateway.node,
      lease: { holder: "worker-3", held: true, ttl_ms: 30_000 },
    });
    expect(body.lease.last_sign_at).toBeGreaterThanOrEqual(before - 1);
    expect(JSON.stringify(body)).not.toContain("token");
    expect(await server.call("GET", "/v1/operations/10/holder")).toMatchObject({ status: 404 });
  });

  test("[P-CONS-9] [P-CONS-10] [P-CONS-11] [P-CONS-12] only a key with the scope inspect may look", async () => {
    const key = "key-that-may-only-look-into-nodes";
    await using server = await startGateway({
      auth: { apiKeys: [{ name: "looker", key, scopes: ["inspect"] }] },
    });
    const paths = ["channels", "channels/chat:1", "rules", "rules/chat:1", "limits"];
    const user = await server.token();
    for (const path of paths) {
      expect(await server.call("GET", `/v1/${path}`, { credential: user })).toMatchObject({
        status: 403,
      });
      expect((await server.call("GET", `/v1/${path}`, { credential: key })).status).toBe(200);
    }
    expect(await server.call("GET", "/v1/nodes", { credential: key })).toMatchObject({
      status: 403,
    });
  });

  test("[P-CONN-7] [P-CONN-8] a node tells how it does, and a drain takes it out of service until it is taken back", async () => {
    const lines: Record<string, unknown>[] = [];
    const log = {
      info: (line: Record<string, unknown>) => lines.push(line),
      warn() {},
      error() {},
    };
    await using server = await startGateway({ log: log as never });
    const { node } = server.gateway;
    const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    const { nodes } = (await server.call("GET", "/v1/nodes")).body;
    expect(nodes).toMatchObject([
      {
        node,
        connections: 1,
        report: {
          status: "healthy",
          lag_ms: expect.any(Number),
          loop_delay_ms: expect.any(Number),
          memory_bytes: expect.any(Number),
          cpu: expect.any(Number),
          version: expect.any(String),
        },
      },
    ]);
    const drain = (body: unknown) => server.call("POST", "/v1/drain", { body });
    expect(await drain({ node: "nobody" })).toMatchObject({ status: 404 });
    expect(await drain({ node, max_ms: 50 })).toMatchObject({
      status: 202,
      body: { connections: 1 },
    });
    expect(await socket.nextOf("notice")).toMatchObject({ code: "move" });
    expect(await server.call("GET", "/readyz", { credential: null })).toMatchObject({
      status: 503,
      body: { status: "draining" },
    });
    expect(await socket.closed).toMatchObject({ code: 4001 });
    expect(await drain({ node, on: false })).toMatchObject({ status: 202 });
    expect((await server.call("GET", "/readyz", { credential: null })).status).toBe(200);
    expect(lines.filter(({ action }) => action === "nodes.drain")).toMatchObject([
      { outcome: "not_found", target: { node: "nobody", on: true } },
      { outcome: "done", target: { node, on: true } },
      { outcome: "done", target: { node, on: false } },
    ]);
  });
});
