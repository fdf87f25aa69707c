import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

describe("POST /v1/channels/{channel}/end", () => {
  it("[P-END-1] [P-END-2] ending a channel reaches plain WebSockets, the SDK's dialect and EventSources", async () => {
    await using server = await startGateway();
    const bare = await server.socket("/ws/chat/42");
    await bare.nextOf("subscribed");
    const sdk = await server.socket("/ws?channels=chat:42", {
      subprotocols: ["milepost.v1.json"],
    });
    await sdk.nextOf("subscribed");
    const token = await server.token();
    const stream = await TestStream.open(`${server.url}/v1/sse?channels=chat:42&named=true`, {
      token,
    });
    await server.gateway.publish("chat:42", "line", 1);
    const { status, body } = await server.call("POST", "/v1/channels/chat:42/end", {
      body: { reason: "all done" },
    });
    expect([status, body]).toEqual([
      200,
      { channel: "chat:42", position: expect.any(String), reason: "all done", duplicate: false },
    ]);
    const end = { type: "end", channel: "chat:42", position: body.position, reason: "all done" };
    expect(await bare.next()).toMatchObject({ type: "line" });
    expect(await bare.next()).toEqual({
      ...end,
      event_id: `chat:42@${body.position}`,
      timestamp: expect.any(String),
    });
    expect(await sdk.next()).toMatchObject({ type: "event" });
    expect(await sdk.next()).toEqual(end);
    let event = await stream.nextEvent();
    while (event.message.type !== "end") event = await stream.nextEvent();
    expect(event).toMatchObject({ event: "end", id: `chat:42@${body.position}`, message: end });
    stream.cut();
  });

  it("[P-END-1] the default end reason is complete, later publishes get 409 `ended`, and a second end is a duplicate", async () => {
    await using server = await startGateway();
    const first = await server.call("POST", "/v1/channels/chat:42/end");
    expect(first.body).toMatchObject({ reason: "complete", duplicate: false });
    const publish = { channel: "chat:42", event: "line", data: 1 };
    expect(await server.call("POST", "/v1/publish", { body: publish })).toMatchObject({
      status: 409,
      body: { code: "ended", retryable: false },
    });
    await expect(server.gateway.publish("chat:42", "line", 1)).rejects.toMatchObject({
      code: "ended",
    });
    expect(await server.gateway.end("chat:42", "again")).toEqual({
      ...first.body,
      duplicate: true,
    });
    const credential = await server.token({ channels: { subscribe: ["chat:*"], publish: [] } });
    expect(await server.call("POST", "/v1/channels/chat:42/end", { credential })).toMatchObject({
      status: 403,
      body: { code: "forbidden" },
    });
    expect(
      await server.call("POST", "/v1/channels/chat:42/end", { body: { reason: "" } }),
    ).toMatchObject({ status: 400, body: { code: "bad_message" } });
  });

  it("[P-END-6] history and snapshot show a channel's end, and a purge removes it", async () => {
    await using server = await startGateway();
    await server.gateway.publish("chat:42", "line", 1);
    const { position, reason } = await server.gateway.end("chat:42", "over");
    const end = { position, reason, ts: expect.any(Number) };
    const history = await server.call("GET", "/v1/channels/chat:42/history");
    expect(history.body).toMatchObject({ entries: [{ data: 1 }], position, end });
    expect((await server.call("GET", "/v1/channels/chat:42/snapshot")).body).toMatchObject({ end });
    await server.call("DELETE", "/v1/channels/chat:42");
    const { body } = await server.call("GET", "/v1/channels/chat:42/snapshot");
    expect(body.end).toBeUndefined();
    await server.gateway.publish("chat:42", "line", 2);
  });

  it("[P-END-4] a poll delivers the end of a channel once; with a cursor past that end, it waits for the other channels", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const poll = (since?: string, wait = 0) => {
      const query = new URLSearchParams({ channels: "chat:1,chat:2", wait: String(wait) });
      if (since !== undefined) query.set("since", since);
      return server.call("GET", `/v1/poll?${query}`, { credential });
    };
    const { cursor } = (await poll()).body;
    await server.gateway.end("chat:1", "over");
    const told = (await poll(cursor)).body;
    expect(told.events).toMatchObject([{ type: "end", channel: "chat:1", reason: "over" }]);
    expect((await poll(told.cursor)).status).toBe(204);
    await server.gateway.publish("chat:2", "line", 1);
    const news = (await poll(told.cursor)).body;
    expect(news.events).toMatchObject([{ type: "line", channel: "chat:2" }]);
    expect((await poll(news.cursor)).status).toBe(204);
    const fresh = (await poll()).body.events.map(({ type }: { type: string }) => type);
    expect(fresh.sort()).toEqual(["end", "subscribed", "subscribed"]);
  });
});
