import { expect, it } from "vitest";
import { z } from "zod";
import { defineMethod } from "./index.ts";
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

it("[P-RPC-1] a method of the host program answers through every door", async () => {
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
  expect(await socket.nextOf("reply")).toEqual(reply);
  const polling = await server.call("POST", "/v1/connections/-/messages", {
    credential: await server.token(),
    body: request,
  });
  expect(polling.body).toEqual([reply]);
});

it("[P-RPC-2] schemas of Zod say what is wrong, and where", async () => {
  await using server = await startGateway({ methods: orders });
  const socket = await server.socket();
  const params = { id: "x", parts: ["a", 1] };
  socket.send({ type: "request", id: 1, method: "orders.get", params });
  const { error } = await socket.nextOf("reply");
  expect(error).toMatchObject({ code: "bad_message" });
  expect(error.message).toMatch(/id: .*number.*; parts\[1\]: .*string/);
});

it("[P-RPC-1] a gateway with a method that cannot be does not start", async () => {
  const methods = { "operations.mine": { handler: () => 1 } };
  await expect(startGateway({ methods })).rejects.toThrow("operations.mine");
});
