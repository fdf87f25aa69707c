import { Encoder, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../../testing/test-gateway.ts";
import { openSocket, type TestSocket } from "../../testing/test-socket.ts";

// The test uses another msgpack implementation, so that an error cannot cancel itself out.
const subprotocol = "milepost.v1.msgpack";

async function open(server: TestGateway, path = "/ws") {
  const socket = await server.socket(path, { subprotocols: [subprotocol] });
  expect(await socket.nextOf("welcome")).toMatchObject({ user_id: "7", version: "1" });
  return socket;
}

function send(socket: TestSocket, value: unknown): void {
  socket.ws.send(encode(value));
}

describe("a WebSocket in the msgpack dialect", () => {
  it("[P-DIA-5] a msgpack WebSocket subscribes, publishes and requests, and is answered in msgpack", async () => {
    await using server = await startGateway();
    const socket = await open(server);
    expect(socket.ws.protocol).toBe(subprotocol);
    send(socket, [
      { type: "subscribe", id: 1, channel: "chat:42" },
      { type: "publish", id: 2, channel: "chat:42", event: "message", data: { n: 1.5, t: "ä" } },
      { type: "request", id: 3, method: "history.get", params: { channel: "chat:42" } },
    ]);
    const subscribed = await socket.next();
    expect(subscribed).toMatchObject({ type: "reply", id: 1, result: { recovered: false } });
    const rest = [await socket.next(), await socket.next(), await socket.next()];
    const byType = (type: string, id?: number) =>
      rest.find((message) => message.type === type && message.id === id);
    expect(byType("reply", 2)).toMatchObject({ result: { duplicate: false } });
    expect(byType("event")).toMatchObject({ channel: "chat:42", data: { n: 1.5, t: "ä" } });
    expect(byType("reply", 3)).toMatchObject({ result: { entries: [{ data: { n: 1.5 } }] } });
  });

  it("[P-DIA-1] a msgpack WebSocket receives the same as a JSON one, for any data", async () => {
    await using server = await startGateway();
    const sockets = await Promise.all(
      [subprotocol, "milepost.v1.json"].map((name) =>
        server.socket("/ws/chat/42", { subprotocols: [name] }),
      ),
    );
    for (const socket of sockets) await socket.nextOf("subscribed");
    const data = { big: 2 ** 53 - 1, small: -1e-7, list: [[], {}, null, "\u0000€𝄞"] };
    for (let n = 0; n < 1_500; n++) void server.gateway.publish("chat:42", "message", { n, data });
    for (let n = 0; n < 1_500; n++) {
      const [msgpack, json] = await Promise.all(sockets.map((socket) => socket.next()));
      expect(JSON.stringify(msgpack)).toBe(JSON.stringify(json));
      expect(json.data.n).toBe(n);
    }
  });

  it.each([
    ["an extension", encode(new Date(0))],
    ["binary data", encode({ type: "publish", id: 1, data: new Uint8Array(3) })],
    ["NaN", encode({ type: "ping", x: Number.NaN })],
    ["2^60", new Encoder({ useBigInt64: true }).encode({ type: "ping", x: 2n ** 60n })],
    ["a key that is no string", Uint8Array.of(0x81, 0x01, 0x02)],
    ["a frame cut off", encode({ type: "ping" }).subarray(0, -1)],
    ["a number", encode(7)],
  ])(
    "[P-DIA-6] in msgpack, %s is answered with bad_message, and the socket stays open",
    async (_, bytes) => {
      await using server = await startGateway();
      const socket = await open(server);
      socket.ws.send(bytes);
      expect(await socket.next()).toMatchObject({ type: "reply", error: { code: "bad_message" } });
      send(socket, { type: "ping", id: "after" });
      expect(await socket.next()).toMatchObject({ type: "pong", id: "after" });
    },
  );

  it("[P-DIA-6] a msgpack frame that is nested too deep gets too_deep, and one with too many messages gets too_large", async () => {
    await using server = await startGateway();
    const socket = await open(server);
    socket.ws.send(new Uint8Array(100_000).fill(0x91));
    expect(await socket.next()).toMatchObject({ id: null, error: { code: "too_deep" } });
    send(socket, Array(1_001).fill({ type: "ping" }));
    expect(await socket.next()).toMatchObject({ id: null, error: { code: "too_large" } });
  });

  it("[P-DIA-2] a text frame on a msgpack WebSocket gets bad_message, [P-MSG-3] and a frame over the limit closes the socket", async () => {
    await using server = await startGateway();
    const socket = await open(server);
    socket.send({ type: "ping", id: 1 });
    expect(await socket.next()).toMatchObject({ type: "reply", error: { code: "bad_message" } });
    socket.ws.send(new Uint8Array(1_048_577));
    expect(await socket.closed).toMatchObject({ code: 1009 });
  });

  it("[P-CON-3] a msgpack WebSocket authenticates with its first message and may then send large ones", async () => {
    await using server = await startGateway();
    const url = `ws://127.0.0.1:${server.port}/ws`;
    const socket = await openSocket(url, { subprotocols: [subprotocol], token: null });
    send(socket, { type: "auth", id: 1, token: await server.token() });
    await socket.nextOf("welcome");
    expect(await socket.next()).toMatchObject({ type: "reply", id: 1 });
    // After the welcome, the gateway also accepts a large message.
    const data = "x".repeat(500_000);
    send(socket, { type: "publish", id: 2, channel: "chat:42", event: "message", data });
    expect(await socket.next()).toMatchObject({ id: 2, result: { duplicate: false } });
    socket.terminate();
  });

  it("[P-FEED-1] a session feed can use msgpack", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create({ kind: "index", operation_id: "9", session_id: "s1" });
    const socket = await server.socket("/ws/progress/s1", { subprotocols: [subprotocol] });
    expect(await socket.next()).toMatchObject({ type: "progress_update", transaction_id: "9" });
  });
});
