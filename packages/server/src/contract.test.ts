import { defineContract } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { OptionsOf } from "./index.ts";
import { startGateway } from "./testing/test-gateway.ts";

const contract = defineContract({
  channels: {
    "room:{room}": {
      events: {
        message: z.object({
          text: z.string().max(1_000),
          author: z.object({ name: z.string() }),
        }),
      },
      subscribe: "authenticated",
      publish: "authenticated",
    },
  },
  operations: {
    index: {
      input: z.object({ folder: z.string() }),
      result: z.object({ files: z.int() }),
    },
  },
  methods: {
    "cart.total": {
      params: z.object({ cart: z.string(), currency: z.string().default("EUR") }),
      result: z.object({ total: z.string() }),
    },
  },
});

const methods: NonNullable<OptionsOf<typeof contract>["methods"]> = {
  "cart.total": { handler: ({ cart, currency }) => ({ total: `${cart.length} ${currency}` }) },
};

const message = { text: "hi", author: { name: "Ada" } };
const bad = { text: "hi", author: { name: 5 } };

describe("a gateway with a Zod contract", () => {
  it("[W10] over WebSocket, over HTTP and in-process, publishing accepts only events and data that match the contract", async () => {
    await using server = await startGateway({ contract, methods });
    const { gateway } = server;
    const socket = await server.socket("/ws/room/1", {
      token: await server.token({ channels: {} }),
    });
    await socket.nextOf("subscribed");
    const fits = { channel: "room:1", event: "message", data: message };
    const attempts = [
      [{ ...fits, data: bad }, "invalid_data", 422, /author\.name: .*string/],
      [{ ...fits, event: "mesage" }, "invalid_event", 400, /its events are message$/],
    ] as const;
    for (const [attempt, code, httpStatus, says] of attempts) {
      socket.send({ type: "publish", id: code, ...attempt });
      const { error } = await socket.nextOf("reply");
      expect(error).toMatchObject({ code, message: expect.stringMatching(says) });
      const { status, body } = await server.call("POST", "/v1/publish", { body: attempt });
      expect(status).toBe(httpStatus);
      expect(body).toMatchObject({ code, detail: expect.stringMatching(says) });
      const { channel, event, data } = attempt;
      await expect(gateway.publish(channel, event, data)).rejects.toMatchObject({ code });
    }
    socket.send({ type: "publish", ...fits });
    expect(await socket.nextOf("message")).toMatchObject({ channel: "room:1", data: message });
    await gateway.publish("room:1", "message", message);
    expect(await socket.nextOf("message")).toMatchObject({ data: message });
  });

  it("[W10] the gateway stores data as sent: a schema validates but does not convert", async () => {
    await using server = await startGateway({ contract, methods });
    const more = { ...message, extra: 1 };
    await server.gateway.publish("room:1", "message", more);
    const { body } = await server.call("GET", "/v1/channels/room:1/history");
    expect(body.entries).toMatchObject([{ data: more }]);
  });

  it("[W10] a method receives parameters as its schema parsed them, and the gateway refuses invalid ones", async () => {
    await using server = await startGateway({ contract, methods });
    const socket = await server.socket();
    const ask = async (params: unknown) => {
      socket.send({ type: "request", id: 1, method: "cart.total", params });
      return socket.nextOf("reply");
    };
    expect(await ask({ cart: "abc" })).toMatchObject({ result: { total: "3 EUR" } });
    const { error } = await ask({ cart: 5 });
    expect(error.message).toMatch(/cart: .*string/);
  });

  it("[W10] the gateway refuses an operation whose kind, input or result breaks the contract", async () => {
    await using server = await startGateway({ contract, methods });
    const create = (body: unknown) => server.call("POST", "/v1/operations", { body });
    expect(await create({ kind: "indx" })).toMatchObject({
      status: 422,
      body: { code: "invalid_data", detail: 'kind: must be one of index; it is "indx"' },
    });
    expect(await create({ kind: "index", input: { folder: 5 } })).toMatchObject({
      status: 422,
      body: { code: "invalid_data", detail: expect.stringMatching(/folder: .*string/) },
    });
    const input = { folder: "docs" };
    const { status, body } = await create({ kind: "index", input });
    expect(status).toBe(201);
    const report = async (result: unknown) =>
      server.call("POST", `/v1/operations/${body.operation.id}/events`, {
        body: { lease: body.lease.token, events: [{ event: "done", data: { result } }] },
      });
    expect((await report({ files: 1.5 })).body.results).toMatchObject([
      { error: { code: "invalid_data", message: expect.stringMatching(/files: .*int/) } },
    ]);
    expect((await report({ files: 2 })).body.results).toMatchObject([{ duplicate: false }]);
  });

  it("[W10] a gateway does not start when a method of its contract has no handler", async () => {
    await expect(startGateway({ contract })).rejects.toThrow("cart.total");
  });
});
