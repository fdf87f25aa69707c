import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { upgradeRequest } from "../../testing/raw-http.ts";
import { maskedFrame, RawWebSocket } from "../../testing/raw-web-socket.ts";
import { startGateway, type TestGateway } from "../../testing/test-gateway.ts";

const mebibyte = 1024 * 1024;

/** Opens a connection of another client. The tests check that a hostile client does not affect it. */
async function bystander(server: TestGateway) {
  const socket = await server.socket("/ws/chat/bystander");
  await socket.nextOf("subscribed");
  return {
    async notices() {
      await server.gateway.publish("chat:bystander", "message", "still here");
      expect(await socket.next()).toMatchObject({ type: "message", data: "still here" });
    },
  };
}

describe("an invalid WebSocket message", () => {
  it.each([
    ["{nonsense", null, "bad_json"],
    ["", null, "bad_json"],
    ['"text"', null, "bad_message"],
    ["[]", null, "bad_message"],
    ["null", null, "bad_message"],
    ["{}", null, "bad_message"],
    ['{"type":7}', null, "bad_message"],
    ['{"type":"fly","id":1}', 1, "unknown_type"],
    ['{"type":"welcome","id":1}', 1, "unknown_type"],
    ['{"type":"subscribe","id":1}', 1, "bad_message"],
    ['{"type":"subscribe","channel":"chat:1"}', null, "bad_message"],
    ['{"type":"subscribe","id":1.5,"channel":"chat:1"}', null, "bad_message"],
    ['{"type":"subscribe","id":1,"channel":["chat:1"]}', 1, "invalid_channel"],
    ['{"type":"subscribe","id":1,"channel":"chat:*"}', 1, "invalid_channel"],
    ['{"type":"subscribe","id":1,"channel":"chat:a\\r\\nb"}', 1, "invalid_channel"],
    ['{"type":"subscribe","id":1,"channel":"chat:\\u0000"}', 1, "invalid_channel"],
    ['{"type":"subscribe","id":1,"channel":"__proto__:x"}', 1, "forbidden"],
    ['{"type":"subscribe","id":1,"channel":"chat:1","since":"x"}', 1, "invalid_position"],
    ['{"type":"subscribe","id":1,"channel":"chat:1","since":{"last":-1}}', 1, "bad_message"],
    ['{"type":"unsubscribe","id":1,"channel":"chat:never"}', 1, "not_subscribed"],
    ['{"type":"publish","id":1,"channel":"chat:1","event":"welcome","data":1}', 1, "invalid_event"],
    ['{"type":"publish","id":1,"channel":"chat:1","event":"e"}', 1, "bad_message"],
    ['{"type":"publish","id":1,"channel":"operation:9","event":"e","data":1}', 1, "forbidden"],
    ['{"type":"request","id":1,"method":"nothing"}', 1, "unknown_method"],
    ['{"type":"request","id":1,"method":"constructor"}', 1, "unknown_method"],
    ['{"type":"ack","channel":"chat:1","position":"e.1.t"}', null, "not_subscribed"],
    [`{"type":"ping","x":${"[".repeat(65)}${"]".repeat(65)}}`, null, "too_deep"],
  ])(
    "[P-MSG-1] %s is answered for id %j with %s, and the socket stays open",
    async (text, id, code) => {
      await using server = await startGateway();
      const socket = await server.socket();
      await socket.nextOf("welcome");
      socket.send(text);
      expect(await socket.next()).toMatchObject({ type: "reply", id, error: { code } });
      socket.send({ type: "ping", id: "after" });
      expect(await socket.next()).toMatchObject({ type: "pong", id: "after" });
    },
  );

  it("[P-OP-7] a request for an operation of another user is answered with not_found, and a subscribe with pending", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create({ kind: "k", operation_id: "9", user_id: "8" });
    const socket = await server.socket();
    await socket.nextOf("welcome");
    for (const id of ["9", "no-such"]) {
      expect(
        await socket.ask({
          type: "request",
          id,
          method: "operations.get",
          params: { operation_id: id },
        }),
      ).toMatchObject({ error: { code: "not_found" } });
      expect(
        await socket.ask({ type: "subscribe", id: `s${id}`, channel: `operation:${id}` }),
      ).toMatchObject({ result: { pending: true } });
    }
  });

  it("a message with __proto__ does not change any prototype", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws/chat/1");
    await socket.nextOf("subscribed");
    socket.send(
      '{"type":"publish","id":1,"channel":"chat:1","event":"e","data":{"__proto__":{"polluted":true}},"__proto__":{"polluted":true}}',
    );
    const message = await socket.nextOf("e");
    expect(JSON.stringify(message.data)).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("hostile WebSocket frames", () => {
  it("[P-MSG-3] a frame over the limit closes its socket with 1009 and affects no other socket", async () => {
    await using server = await startGateway();
    const other = await bystander(server);
    for (const size of [mebibyte + 1, 2 * mebibyte]) {
      const socket = await server.socket();
      await socket.nextOf("welcome");
      socket.send("x".repeat(size));
      expect(await socket.closed).toMatchObject({ code: 1009 });
    }
    await other.notices();
  });

  it("[P-MSG-3] [G7] a frame whose header announces more than the limit closes its socket before its payload arrives", async () => {
    await using server = await startGateway();
    using socket = await RawWebSocket.open(server.port, "/ws", await server.token());
    await socket.next();
    const header = Buffer.from([0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0x20, 0, 0, 1, 2, 3, 4]);
    socket.socket.write(header);
    expect(await socket.closeCode).toBe(1009);
  });

  it("[P-MSG-3] a frame of exactly the maximum size is accepted", async () => {
    await using server = await startGateway();
    const socket = await server.socket();
    await socket.nextOf("welcome");
    const empty = JSON.stringify({ type: "ping", id: 1, pad: "" });
    socket.send(JSON.stringify({ type: "ping", id: 1, pad: "x".repeat(mebibyte - empty.length) }));
    expect(await socket.next()).toMatchObject({ type: "pong", id: 1 });
  });

  it("[P-DIA-2] a binary frame gets a bad_message reply, and a text frame that is not UTF-8 closes with 1007", async () => {
    await using server = await startGateway();
    for (const subprotocols of [[], ["milepost.v1.json"]]) {
      const socket = await server.socket("/ws", { subprotocols });
      await socket.nextOf("welcome");
      socket.ws.send(Buffer.from([1, 2, 3]));
      expect(await socket.next()).toMatchObject({
        type: "reply",
        id: null,
        error: { code: "bad_message" },
      });
      socket.ws.send(Buffer.from([0xc3, 0x28]), { binary: false });
      expect(await socket.closed).toMatchObject({ code: 1007 });
    }
  });

  it("a frame may arrive byte by byte, in fragments, and with pings in between", async () => {
    await using server = await startGateway();
    const raw = await RawWebSocket.open(server.port, "/ws", await server.token());
    expect(await raw.next()).toMatchObject({ type: "welcome" });
    for (const byte of maskedFrame(0x81, '{"type":"ping","id":1}')) {
      raw.socket.write(Buffer.from([byte]));
    }
    expect(await raw.next()).toMatchObject({ type: "pong", id: 1 });
    raw.socket.write(maskedFrame(0x01, '{"type":'));
    raw.socket.write(maskedFrame(0x89, "are you there"));
    raw.socket.write(maskedFrame(0x00, ""));
    raw.socket.write(maskedFrame(0x80, '"ping","id":2}'));
    expect(await raw.next()).toMatchObject({ type: "pong", id: 2 });
    raw.socket.destroy();
  });

  it("a message in too many fragments closes the socket with 1008", async () => {
    await using server = await startGateway();
    const raw = await RawWebSocket.open(server.port, "/ws", await server.token());
    await raw.next();
    raw.socket.write(
      Buffer.concat([
        maskedFrame(0x01, "x"),
        ...Array.from({ length: 1_000 }, () => maskedFrame(0x00, "x")),
      ]),
    );
    expect(await raw.closeCode).toBe(1008);
  });

  it("frames that are unmasked, invalid or out of place close the socket with 1002 and affect no other socket", async () => {
    await using server = await startGateway();
    const other = await bystander(server);
    for (const bytes of [
      Buffer.from([0x81, 0x02, 0x7b, 0x7d]),
      maskedFrame(0x83, "x"),
      maskedFrame(0xc1, "x"),
      maskedFrame(0x09, "unfinished ping"),
      maskedFrame(0x80, "a continuation of nothing"),
    ]) {
      const raw = await RawWebSocket.open(server.port, "/ws", await server.token());
      await raw.next();
      raw.socket.write(bytes);
      expect(await raw.closeCode).toBe(1002);
    }
    await other.notices();
  });

  it("a socket stays usable after a flood of pings, even when the client does not read the pongs meanwhile", async () => {
    await using server = await startGateway();
    const other = await bystander(server);
    const raw = await RawWebSocket.open(server.port, "/ws", await server.token());
    await raw.next();
    raw.socket.pause();
    const ping = maskedFrame(0x89, "p".repeat(125));
    const flood = Buffer.concat(Array.from({ length: 1_000 }, () => ping));
    for (let round = 0; round < 4; round++) raw.socket.write(flood);
    raw.socket.write(
      maskedFrame(0x81, '{"type":"publish","channel":"chat:bystander","event":"after","data":1}'),
    );
    await other.notices().catch(() => undefined);
    raw.socket.resume();
    raw.socket.write(maskedFrame(0x81, '{"type":"ping","id":"alive"}'));
    expect(await raw.next()).toMatchObject({ type: "pong", id: "alive" });
    raw.socket.destroy();
  });

  it("a half-written frame before a disconnect or reset leaves no connection behind", async () => {
    await using server = await startGateway();
    const token = await server.token();
    const half = await RawWebSocket.open(server.port, "/ws", token);
    await half.next();
    half.socket.write(maskedFrame(0x81, '{"type":"ping"}').subarray(0, 5));
    const reset = await RawWebSocket.open(server.port, "/ws", token);
    await reset.next();
    expect(server.gateway.stats().connections).toBe(2);
    half.socket.end();
    reset.socket.resetAndDestroy();
    await once(half.socket, "close");
    await expect.poll(() => server.gateway.stats().connections, { interval: 1 }).toBe(0);
  });

  it("a frame sent together with the upgrade request is read", async () => {
    await using server = await startGateway();
    const socket: Socket = connect(server.port, "127.0.0.1");
    const head = upgradeRequest("/ws", { Authorization: `Bearer ${await server.token()}` });
    socket.write(Buffer.concat([Buffer.from(head), maskedFrame(0x81, '{"type":"ping","id":1}')]));
    const raw = new RawWebSocket(socket);
    expect(await raw.next()).toMatchObject({ type: "welcome" });
    expect(await raw.next()).toMatchObject({ type: "pong", id: 1 });
    socket.destroy();
  });
});
