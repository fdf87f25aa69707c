import { once } from "node:events";
import { decode, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

const retention = { maxEntries: 100, maxAgeMs: 60_000 };
const rules = [
  {
    pattern: "chat:open:*",
    subscribe: "anyone",
    publish: "anyone",
    retention,
    showPublisher: true,
  },
] as const;
const channel = "chat:open:1";
const publisher = "user:ann~40example.com";

describe("publishers that a rule shows, at every door", () => {
  it("[P-RULE-22] the publisher reaches the readers of every door and dialect, live, in the history and after a resume", async () => {
    await using server = await startGateway({ rules });
    const token = await server.token({ session: "s2" });
    const other = await server.token({ session: "s3" });
    const ann = await server.token({ user: "ann@example.com", session: "s4" });
    const json = await server.socket("/ws", { token, subprotocols: ["milepost.v1.json"] });
    json.send({ type: "subscribe", id: 1, channel });
    const { result } = await json.nextOf("reply");
    const packed = await server.socket("/ws", {
      token: other,
      subprotocols: ["milepost.v1.msgpack"],
    });
    const frames: unknown[] = [];
    packed.ws.on("message", (bytes: Buffer) => frames.push(...[decode(bytes)].flat()));
    packed.ws.send(encode({ type: "subscribe", id: 1, channel }));
    await once(packed.ws, "message");
    const sse = await TestStream.open(`${server.url}/v1/sse?channels=${channel}`, { token });
    const bare = await server.socket(`/ws?channels=${channel}`, { token: other });
    // What the publisher says of itself changes nothing.
    const sent = { channel, event: "message", data: { publisher: "user:eve" } };
    const body = { ...sent, publisher: "user:eve" };
    await server.call("POST", "/v1/publish", { credential: ann, body });

    expect(await json.nextOf("event")).toMatchObject({ publisher, data: sent.data });
    expect(await bare.nextOf("message")).toMatchObject({ publisher, data: sent.data });
    let streamed = await sse.next();
    while (streamed.type !== "message") streamed = await sse.next();
    expect(streamed).toMatchObject({ publisher });
    const isEvent = (frame: unknown) => (frame as { type?: string }).type === "event";
    while (!frames.some(isEvent)) await once(packed.ws, "message");
    expect(frames.find(isEvent)).toMatchObject({ publisher });

    const later = await server.socket("/ws", { token: other, subprotocols: ["milepost.v1.json"] });
    later.send({ type: "subscribe", id: 1, channel, since: result.position });
    expect(await later.nextOf("event")).toMatchObject({ publisher });
    const cursor = encodeURIComponent(`${channel}@${result.position}`);
    const polled = await server.call("GET", `/v1/poll?since=${cursor}`, { credential: token });
    expect(JSON.stringify(polled.body)).toContain(publisher);
    const history = await server.call("GET", `/v1/channels/${channel}/history`);
    expect(history.body.entries).toMatchObject([{ publisher, data: sent.data }]);

    await server.call("POST", "/v1/publish", { body: { channel, event: "message", data: 1 } });
    expect(await json.nextOf("event")).toMatchObject({ publisher: "service:test" });
    sse.cut();
  });
});
