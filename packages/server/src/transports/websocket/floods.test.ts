import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { maskedFrame, RawWebSocket } from "../../testing/raw-web-socket.ts";
import { startGateway, type TestGateway } from "../../testing/test-gateway.ts";
import { openSocket, TestSocket } from "../../testing/test-socket.ts";

/** Opens a connection of another user, and returns a function that measures its round trip in milliseconds. */
async function bystander(server: TestGateway): Promise<() => Promise<number>> {
  const token = await server.token({ user: "8", session: "s8" });
  const socket = await openSocket(`ws://127.0.0.1:${server.port}/ws`, { token });
  await socket.nextOf("welcome");
  return async () => {
    const before = performance.now();
    socket.send({ type: "ping", id: "there" });
    expect(await socket.nextOf("pong")).toMatchObject({ id: "there" });
    return performance.now() - before;
  };
}

async function attacker(server: TestGateway): Promise<RawWebSocket> {
  const raw = await RawWebSocket.open(server.port, "/ws", await server.token());
  await raw.next();
  return raw;
}

describe("a client that sends more than its rate", () => {
  it.each([
    ["pings", maskedFrame(0x89, "")],
    ["pongs", maskedFrame(0x8a, "")],
    ["invalid messages", maskedFrame(0x81, "{}")],
    ["frames that are not JSON", maskedFrame(0x81, "[[[[")],
    ["binary frames", maskedFrame(0x82, "x")],
    ["publishes", maskedFrame(0x81, '{"type":"publish","channel":"chat:1","event":"e","data":1}')],
    ["subscribes", maskedFrame(0x81, '{"type":"subscribe","id":1,"channel":"chat:1"}')],
  ])(
    "[P-LIM-1] %s at full speed are read only at the rate, and others are served meanwhile",
    async (_, frame) => {
      await using server = await startGateway();
      const roundTrip = await bystander(server);
      using raw = await attacker(server);
      const flood = Buffer.concat(Array<Buffer>(Math.ceil(16_000_000 / frame.length)).fill(frame));
      raw.socket.write(flood);
      for (let n = 0; n < 10; n++) await roundTrip();
      // Had the gateway read all of it, the client's socket would be empty.
      expect(raw.socket.writableLength).toBeGreaterThan(0);
      expect(server.gateway.stats().connections).toBe(2);
    },
  );

  it("[P-LIM-1] compressed messages that inflate to 1 MB are inflated only at the rate of bytes", async () => {
    await using server = await startGateway({
      compression: true,
      limits: { connectionBytesPerSecond: 100_000, burstSeconds: 15 },
    });
    const roundTrip = await bystander(server);
    const token = await server.token();
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, {
      headers: { Authorization: `Bearer ${token}` },
      perMessageDeflate: { threshold: 0 },
    });
    const socket = new TestSocket(ws);
    await socket.nextOf("welcome");
    const large = `{"type":"ping","id":1${" ".repeat(1_000_000)}}`;
    expect(deflateRawSync(large).length).toBeLessThan(2_000);
    const before = performance.now();
    for (let n = 0; n < 64; n++) ws.send(large);
    await socket.nextOf("pong");
    for (let n = 0; n < 10; n++) await roundTrip();
    const seconds = (performance.now() - before) / 1_000;
    expect(socket.arrived.length).toBeLessThanOrEqual(seconds / 10);
    ws.terminate();
  });
});
