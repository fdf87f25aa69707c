import { FaultyEngine } from "@milepost/engine/testing";
import { encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

const channel = "chat:42";
const message = (n: number) => ({ id: `m${n}`, role: "user", content: `message ${n}` });

describe("the doors of a node that is cut off from its store", () => {
  it("[P-STALE-1] [P-STALE-3] every door answers from what the node holds and says that it is stale", async () => {
    const engine = new FaultyEngine();
    await using server = await startGateway({
      engine: engine.factory,
      limits: { maxConnectionsPerSession: 10 },
    });
    const watching = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    watching.send({ type: "subscribe", id: 1, channel });
    await watching.nextOf("reply");
    const first = await server.gateway.publish(channel, "chat_message", message(1));
    await server.gateway.publish(channel, "chat_message", message(2));
    await watching.nextOf("event");
    await watching.nextOf("event");
    engine.goAway();
    await watching.nextOf("notice");

    const json = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    json.send({ type: "subscribe", id: 1, channel, since: first.position });
    expect((await json.nextOf("reply")).result).toMatchObject({ recovered: true, stale: true });
    expect(await json.nextOf("event")).toMatchObject({ data: message(2) });
    json.send({ type: "request", id: 2, method: "history.get", params: { channel } });
    expect((await json.nextOf("reply")).result).toMatchObject({ stale: true });

    const msgpack = await server.socket("/ws", { subprotocols: ["milepost.v1.msgpack"] });
    msgpack.ws.send(encode({ type: "subscribe", id: 1, channel }));
    const packed = (await msgpack.nextOf("reply")).result;
    expect(packed).toMatchObject({ stale: true, snapshot: { projection: "chat" } });
    expect(packed.snapshot.state.messages).toMatchObject([message(1), message(2)]);

    const plain = await server.socket(`/ws?channels=${channel}`);
    expect(await plain.nextOf("subscribed")).toMatchObject({ channel, stale: true });

    const credential = await server.token();
    const query = `channels=${channel}&last_event_id=${channel}@${first.position}`;
    const stream = await TestStream.open(`${server.url}/v1/sse?${query}`, { token: credential });
    expect(await stream.nextOf("subscribed")).toMatchObject({ recovered: true, stale: true });
    expect(await stream.nextOf("chat_message")).toMatchObject({ data: message(2) });

    const poll = await server.call("GET", `/v1/poll?channels=${channel}`, { credential });
    expect(poll.body.events).toMatchObject([{ type: "subscribed", stale: true }]);

    const path = `/v1/channels/${channel}`;
    const history = await server.call("GET", `${path}/history?since=${first.position}`);
    expect(history).toMatchObject({ status: 200, body: { stale: true } });
    expect(history.body.entries).toMatchObject([{ data: message(2) }]);
    const snapshot = await server.call("GET", `${path}/snapshot`);
    expect(snapshot).toMatchObject({ status: 200, body: { stale: true } });

    const elsewhere = await server.call("GET", "/v1/channels/chat:43/history");
    expect(elsewhere).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
    json.send({ type: "subscribe", id: 3, channel: "chat:43" });
    expect((await json.nextOf("reply")).error).toMatchObject({ retryable: true });

    engine.comeBack();
    await server.gateway.publish(channel, "chat_message", message(3));
    for (const socket of [json, msgpack]) {
      expect(await socket.nextOf("event")).toMatchObject({ data: message(3) });
    }
    expect(await plain.nextOf("chat_message")).toMatchObject({ data: message(3) });
    expect(await stream.nextOf("chat_message")).toMatchObject({ data: message(3) });
    stream.cut();
    expect((await server.call("GET", `${path}/history`)).body).not.toHaveProperty("stale");
  });
});
