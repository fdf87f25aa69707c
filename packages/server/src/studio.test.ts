import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createGateway } from "./gateway.ts";
import { startGateway, testGateway, tokenSecret } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

describe("updates for one person", () => {
  test("[P-PERSON-2] a page that comes back finds what was published for its user while it was away, and nothing of others", async () => {
    await using server = await startGateway();
    const { studio } = server.gateway;
    await studio.sendQueuePosition("7", 2, 4, 60_000);
    await studio.sendSyncProgress("7", "syncing", 50, "Copying app.py");
    await studio.sendPreviewStatus("7", "starting");
    await studio.sendError("7", "The preview did not answer", "preview_failed");
    await studio.sendError("8", "for another user");
    for (let i = 0; i < 1_100; i++) await server.gateway.publish("user:7", "noise", i);
    const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    const { result } = await socket.ask({ type: "subscribe", id: 1, channel: "user:7" });
    expect(result.snapshot).toMatchObject({
      projection: "personal",
      state: {
        queue: { position: 2, total: 4, estimatedWaitTime: 60_000 },
        sync: { stage: "syncing", percent: 50, failed: false },
        preview: { status: "starting" },
        errors: [{ code: "preview_failed", message: "The preview did not answer" }],
      },
    });
  });

  test("[P-PERSON-6] a published error reaches a plain client as a publication, which no message of the protocol looks like", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws?channels=user:7");
    await socket.nextOf("subscribed");
    await server.gateway.studio.sendError("7", "No space left", "disk_full");
    const frame = await socket.nextOf("error");
    expect(frame).toMatchObject({
      type: "error",
      channel: "user:7",
      event_id: expect.stringContaining("user:7@"),
      data: { message: "No space left", code: "disk_full" },
    });
    socket.send({ type: "subscribe", id: 1, channel: "user:8" });
    socket.send("no json");
    const refusals = [await socket.next(), await socket.next()];
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ type: "reply", error: { code: expect.any(String) } });
      expect(refusal).not.toHaveProperty("data");
      expect(refusal).not.toHaveProperty("channel");
    }
  });

  test("[P-PERSON-6] a published error has no name on an event stream with names, where error means a lost connection", async () => {
    await using server = await startGateway();
    const token = await server.token();
    const stream = await TestStream.open(`${server.url}/v1/sse?channels=user:7&named=true`, {
      token,
    });
    await stream.nextOf("subscribed");
    await server.gateway.studio.sendError("7", "No space left");
    const event = await stream.nextEvent();
    expect(event).toMatchObject({ message: { type: "error", channel: "user:7" } });
    expect(event.event).toBeUndefined();
  });

  test.each([
    ["queue:position", { position: 5, total: 4 }],
    ["sync:progress", { stage: "thinking" }],
    ["preview:status", { status: "" }],
    ["generation:progress", { percent: -1 }],
    ["error", { code: "x" }],
  ])(
    "[P-PERSON-1] data of %s that do not match are refused in the channel of a person, and free elsewhere",
    async (event, data) => {
      await using server = await startGateway();
      const post = (channel: string) =>
        server.call("POST", "/v1/publish", { body: { channel, event, data } });
      for (const channel of ["user:7", "session:s1", "guest:user_1_abc"]) {
        expect(await post(channel)).toMatchObject({ status: 422, body: { code: "invalid_data" } });
      }
      expect((await post("user:7:news")).status).toBe(200);
    },
  );

  test("[P-PERSON-3] a guest's updates and notifications reach the channel of the guest", async () => {
    await using server = await startGateway({ guests: true });
    const body = { claim: "user_17000_abc" };
    const { body: guest } = await server.call("POST", "/v1/guests", { credential: null, body });
    const socket = await server.socket(`/ws?channels=guest:${guest.guest_id}`, {
      token: guest.token,
    });
    await socket.nextOf("subscribed");
    await server.gateway.studio.sendSyncProgress("guest:user_17000_abc", "validating", 10);
    expect(await socket.next()).toMatchObject({ type: "sync:progress", data: { percent: 10 } });
    const path = `/v1/users/${encodeURIComponent("guest:user_17000_abc")}/notifications`;
    expect((await server.call("POST", path, { body: { message: "Hello" } })).status).toBe(200);
    expect(await socket.next()).toMatchObject({ type: "notification", data: { message: "Hello" } });
  });

  test("[P-PERSON-5] initialize attaches the gateway for the pages of one more origin, and people are counted once", async () => {
    const gateway = createGateway({ auth: { tokenSecret }, guests: true });
    const host = createServer((_request, response) => response.end("the program's own answer"));
    await using _closing = {
      async [Symbol.asyncDispose]() {
        host.closeAllConnections();
        await new Promise((resolve) => host.close(resolve));
      },
    };
    gateway.studio.initialize(host, "http://localhost:3000/app");
    await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
    const { port } = host.address() as AddressInfo;
    await using server = testGateway(gateway, port);
    expect(await (await fetch(`${server.url}/health`)).text()).toBe("the program's own answer");
    const from = (origin: string) =>
      server.call("POST", "/v1/guests", { credential: null, headers: { Origin: origin } });
    expect((await from("http://evil.example")).status).toBe(403);
    const made = await from("http://localhost:3000");
    expect(made.headers.get("access-control-allow-origin")).toBe("http://localhost:3000");
    expect(gateway.studio.getConnectedUsersCount()).toBe(0);
    for (const token of [undefined, undefined, made.body.token]) {
      await (await server.socket("/ws", token === undefined ? {} : { token })).nextOf("welcome");
    }
    expect(gateway.studio.getConnectedUsersCount()).toBe(2);
    expect(() => gateway.studio.initialize(host, "localhost")).toThrow(/address of a page/);
  });
});
