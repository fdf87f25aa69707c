import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const channel = "chat:42";
const path = `/v1/channels/${channel}/presence`;

describe("presence over WebSocket, SSE and HTTP", () => {
  it("[P-PRES-9] an API key and a user who may subscribe to a channel can read its presence over HTTP; others are forbidden", async () => {
    await using server = await startGateway();
    const socket = await server.socket();
    await socket.nextOf("welcome");
    socket.send({ type: "subscribe", id: 1, channel, presence: true });
    const { presence } = (await socket.nextOf("reply")).result;
    expect(presence).toMatchObject({ count: 1, members: [{ id: "user:7", user_id: "7" }] });
    for (const options of [{}, { credential: await server.token({ user: "8" }) }]) {
      const answer = await server.call("GET", path, options);
      expect(answer).toMatchObject({ status: 200, body: { channel, ...presence } });
    }
    const stranger = await server.token({ user: "9", channels: { subscribe: [] } });
    expect(await server.call("GET", path, { credential: stranger })).toMatchObject({
      status: 403,
      body: { code: "forbidden" },
    });
    expect(await server.call("GET", "/v1/channels/broadcast/presence")).toMatchObject({
      status: 404,
      body: { code: "not_supported" },
    });
    expect(await server.call("GET", "/v1/channels/a%20b/presence")).toMatchObject({
      status: 400,
      body: { code: "invalid_channel" },
    });
  });

  it("[P-PRES-11] an SSE stream can be present like a WebSocket, and its client sends its typing state by POST to any node", async () => {
    await using server = await startGateway();
    const socket = await server.socket();
    await socket.nextOf("welcome");
    socket.send({ type: "subscribe", id: 1, channel, presence: true });
    await socket.nextOf("reply");
    const token = await server.token({ user: "8", session: "s8" });
    const stream = await TestStream.open(`${server.url}/v1/sse`, { token });
    const { connection_id: id } = await stream.nextOf("welcome");
    const post = (to: string, message: object) =>
      server.call("POST", `/v1/connections/${to}/messages`, { credential: token, body: message });
    const joined = await post(id, { type: "subscribe", id: 1, channel, presence: true });
    expect(joined.body).toMatchObject([{ result: { presence: { count: 2 } } }]);
    expect(await socket.nextOf("presence")).toMatchObject({ joined: [{ id: "user:8" }] });
    const typing = { type: "request", id: 2, method: "presence.typing" };
    expect(await post("-", { ...typing, params: { channel, typing: true } })).toMatchObject({
      body: [{ id: 2, result: { channel, typing: true } }],
    });
    expect(await socket.nextOf("presence")).toMatchObject({ typing: ["user:8"] });
    await post(id, { type: "unsubscribe", id: 3, channel });
    expect(await socket.nextOf("presence")).toMatchObject({ left: ["user:8"], count: 1 });
  });

  it("[P-PRES-11] a long-poll cannot be present in a channel, but its client can request who is present", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const subscribe = { type: "subscribe", id: 1, channel };
    const poll = (message: object) =>
      server.call("POST", "/v1/poll?wait=0", { credential, body: [message] });
    expect(await poll({ ...subscribe, presence: true })).toMatchObject({
      status: 404,
      body: { code: "not_supported" },
    });
    expect(await poll(subscribe)).toMatchObject({ status: 200 });
    const ask = { type: "request", id: 2, method: "presence.get", params: { channel } };
    expect(
      await server.call("POST", "/v1/connections/-/messages", { credential, body: ask }),
    ).toMatchObject({ body: [{ id: 2, result: { channel, count: 0, members: [] } }] });
  });
});
