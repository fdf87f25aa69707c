import { deflateRawSync } from "node:zlib";
import { encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { upgradeRequest } from "../../testing/raw-http.ts";
import { RawWebSocket } from "../../testing/raw-web-socket.ts";
import { startGateway, type TestGateway } from "../../testing/test-gateway.ts";
import { TestSocket } from "../../testing/test-socket.ts";
import { offersDeflate } from "./deflate.ts";

interface Wire extends AsyncDisposable {
  readonly socket: TestSocket;
  /** Returns the number of bytes received so far, headers included. */
  bytesRead(): number;
}

/** Opens a conforming client that offers compression; ws inflates with its own extension. */
async function open(
  server: TestGateway,
  path: string,
  { subprotocols = [] as readonly string[], perMessageDeflate = true as boolean | object } = {},
): Promise<Wire> {
  let raw: { readonly bytesRead: number } | undefined;
  const ws = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, [...subprotocols], {
    headers: { Authorization: `Bearer ${await server.token()}` },
    perMessageDeflate,
  });
  ws.on("upgrade", ({ socket }) => {
    raw = socket;
  });
  const socket = new TestSocket(ws);
  await socket.nextOf("welcome");
  return {
    socket,
    bytesRead: () => raw?.bytesRead ?? 0,
    async [Symbol.asyncDispose]() {
      ws.terminate();
    },
  };
}

const dialects = [[], ["milepost.v1.json"], ["milepost.v1.msgpack"]];
/** Returns text that compresses well and differs between messages. */
const prose = (n: number) => `${n}: ${"the same words again and again ".repeat(100)}`;

describe("WebSocket compression", () => {
  it.each([
    ["permessage-deflate", true],
    ["permessage-deflate; client_max_window_bits", true],
    ["permessage-deflate; client_max_window_bits=12; server_no_context_takeover", true],
    ['permessage-deflate; server_max_window_bits="15"', true],
    ["permessage-deflate; server_max_window_bits=10", false],
    ["permessage-deflate; server_max_window_bits=10, permessage-deflate", true],
    ["x-webkit-deflate-frame, permessage-deflate", true],
    ["permessage-deflate; something=else", false],
    ["permessage-bzip2", false],
    ["", false],
    [undefined, false],
  ])("[P-ZIP-1] the server accepts compression offered as %s: %s", (header, taken) => {
    expect(offersDeflate(header)).toBe(taken);
  });

  it("[P-ZIP-1] a WebSocket uses compression only when the gateway enables it and the client offers it", async () => {
    await using off = await startGateway();
    await using plain = await open(off, "/ws");
    expect(plain.socket.ws.extensions).toBe("");
    await using on = await startGateway({ compression: true });
    await using without = await open(on, "/ws", { perMessageDeflate: false });
    expect(without.socket.ws.extensions).toBe("");
    await using small = await open(on, "/ws", { perMessageDeflate: { serverMaxWindowBits: 9 } });
    expect(small.socket.ws.extensions).toBe("");
    await using agreed = await open(on, "/ws");
    expect(agreed.socket.ws.extensions).toBe("permessage-deflate");
  });

  it.each(dialects)(
    "[P-ZIP-2] a compressed WebSocket delivers the same messages in fewer bytes (%s)",
    async (...subprotocols) => {
      await using server = await startGateway({ compression: true });
      await using zipped = await open(server, "/ws/chat/42", { subprotocols });
      await using unzipped = await open(server, "/ws/chat/42", {
        subprotocols,
        perMessageDeflate: false,
      });
      const both = [zipped, unzipped];
      for (const { socket } of both) await socket.nextOf("subscribed");
      for (let n = 0; n < 20; n++) {
        await server.gateway.publish("chat:42", "message", n % 3 === 0 ? n : prose(n));
      }
      for (let n = 0; n < 20; n++) {
        const [a, b] = await Promise.all(both.map(({ socket }) => socket.next()));
        expect(a).toEqual(b);
        expect(a.data).toBe(n % 3 === 0 ? n : prose(n));
      }
      expect(zipped.bytesRead()).toBeLessThan(unzipped.bytesRead() / 5);
    },
  );

  it("[P-ZIP-2] with compression, each plain connection still receives the cursor of its own channels", async () => {
    await using server = await startGateway({ compression: true });
    await using one = await open(server, "/ws?channels=chat:1,chat:2");
    await using other = await open(server, "/ws?channels=chat:2");
    for (const { socket } of [one, one, other]) await socket.nextOf("subscribed");
    await server.gateway.publish("chat:1", "message", prose(1));
    const { event_id: first } = await one.socket.next();
    await server.gateway.publish("chat:2", "message", prose(2));
    const { event_id: second, data } = await one.socket.next();
    expect(data).toBe(prose(2));
    expect(second.split(",").sort()[0]).toBe(first.split(",").sort()[0]);
    expect(await other.socket.next()).toMatchObject({
      data: prose(2),
      event_id: expect.stringMatching(/^chat:2@[^,]+$/),
    });
  });

  it("[P-ZIP-3] compressed client messages are read in order, including fragmented ones", async () => {
    await using server = await startGateway({ compression: true });
    await using wire = await open(server, "/ws", { perMessageDeflate: { threshold: 0 } });
    const { ws } = wire.socket;
    for (let n = 0; n < 50; n++) {
      const text = JSON.stringify({ type: "ping", id: n, padding: prose(n) });
      const half = Math.floor(text.length / 2);
      ws.send(text.slice(0, half), { fin: false, compress: n % 2 === 0 });
      ws.send(text.slice(half), { fin: true });
      ws.ping();
    }
    for (let n = 0; n < 50; n++)
      expect(await wire.socket.next()).toMatchObject({ type: "pong", id: n });
  });

  it("[P-ZIP-3] compression works with msgpack", async () => {
    await using server = await startGateway({ compression: true });
    const subprotocols = ["milepost.v1.msgpack"];
    await using wire = await open(server, "/ws", { subprotocols });
    const data = prose(1);
    wire.socket.ws.send(
      encode({ type: "publish", id: 1, channel: "chat:42", event: "message", data }),
    );
    expect(await wire.socket.next()).toMatchObject({ id: 1, result: { duplicate: false } });
  });

  it("[P-ZIP-4] a message that inflates beyond the limit closes with 1009 and is not inflated in full", async () => {
    await using server = await startGateway({ compression: true });
    await using raw = await openRaw(server, await server.token());
    // The compressed message has about 200 KB and inflates to 200 MB.
    const bomb = deflateRawSync(Buffer.alloc(200 * 1_024 * 1_024), { level: 9 });
    expect(bomb.length).toBeLessThan(300_000);
    const before = process.memoryUsage();
    raw.socket.write(maskedFrame(0xc1, bomb));
    expect(await raw.closeCode).toBe(1009);
    const after = process.memoryUsage();
    expect(after.rss - before.rss).toBeLessThan(100 * 1_024 * 1_024);
    await using bystander = await open(server, "/ws");
    expect(bystander.socket.ws.readyState).toBe(WebSocket.OPEN);
  }, 30_000);

  it("[P-ZIP-4] before the credential is verified, a message that inflates beyond 64 KiB closes with 1009", async () => {
    await using server = await startGateway({ compression: true });
    await using raw = await openRaw(server, undefined);
    raw.socket.write(maskedFrame(0xc1, deflateRawSync(Buffer.alloc(70_000, " "))));
    expect(await raw.closeCode).toBe(1009);
  });

  it("[P-ZIP-4] a message that cannot be inflated closes with 1007, and a compressed one without an agreement with 1002", async () => {
    await using server = await startGateway({ compression: true });
    await using raw = await openRaw(server, await server.token());
    raw.socket.write(maskedFrame(0xc1, Buffer.from("this was never deflated")));
    expect(await raw.closeCode).toBe(1007);
    // Without an agreement on compression, a compressed frame is a protocol error.
    await using plain = await startGateway();
    await using refused = await openRaw(plain, await plain.token());
    refused.socket.write(maskedFrame(0xc1, deflateRawSync("{}")));
    expect(await refused.closeCode).toBe(1002);
  });

  it("[P-ZIP-5] 300 sockets that exchanged compressed messages hold no zlib context", async () => {
    await using server = await startGateway({
      compression: true,
      limits: { maxConnectionsPerUser: 400, maxConnectionsPerSession: 400 },
    });
    const token = await server.token();
    const sockets: RawWebSocket[] = [];
    const message = deflateRawSync(JSON.stringify({ type: "ping", id: 1, padding: prose(1) }));
    const use = async (count: number) => {
      for (let n = 0; n < count; n++) {
        const raw = await openRaw(server, token, "/ws/chat/42");
        raw.socket.write(maskedFrame(0xc1, message));
        sockets.push(raw);
      }
      const { result } = await server
        .call("POST", "/v1/publish", {
          body: { channel: "chat:42", event: "message", data: prose(2) },
        })
        .then(({ body }) => ({ result: body.results[0] }));
      expect(result.duplicate).toBe(false);
      await Promise.all(sockets.map((raw) => raw.next()));
    };
    await use(100);
    const { external, arrayBuffers } = process.memoryUsage();
    await use(300);
    const after = process.memoryUsage();
    // A context to inflate takes some 40 KB, a context to deflate 256 KB.
    const perSocket = (after.external + after.arrayBuffers - external - arrayBuffers) / 300;
    expect(perSocket).toBeLessThan(20_000);
    for (const raw of sockets) raw.socket.destroy();
  }, 30_000);
});

interface Raw extends RawWebSocket, AsyncDisposable {}

async function openRaw(server: TestGateway, token: string | undefined, path = "/ws"): Promise<Raw> {
  const { connect } = await import("node:net");
  const socket = connect(server.port, "127.0.0.1");
  socket.write(
    upgradeRequest(path, {
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      "Sec-WebSocket-Extensions": "permessage-deflate",
    }),
  );
  const raw = new RawWebSocket(socket);
  if (token !== undefined) await raw.next();
  return Object.assign(raw, {
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  });
}

/** Builds a client's frame for a payload of any length. */
function maskedFrame(firstByte: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(14);
  header[0] = firstByte;
  header[1] = 0x80 | 127;
  header.writeUIntBE(payload.length, 4, 6);
  return Buffer.concat([header, payload]);
}
