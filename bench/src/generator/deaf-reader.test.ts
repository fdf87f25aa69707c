import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { acceptOf, frameText } from "@milepost/load/wire";
import { expect, test } from "vitest";
import { DeafReaders } from "./deaf-reader.ts";

/**
 * Starts a server that subscribes every connection, and hands each socket over once it has sent `subscribed`.
 */
async function startServer(): Promise<{
  port: number;
  next(): Promise<Socket>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const sockets: Socket[] = [];
  const served: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", (request) => {
      const key = /Sec-WebSocket-Key: (\S+)/.exec(request.toString())?.[1] ?? "";
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
      );
      socket.write(frameText('{"type":"subscribed"}'));
      const wait = waiting.shift();
      if (wait === undefined) served.push(socket);
      else wait(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    next: () => {
      const socket = served.shift();
      return socket === undefined
        ? new Promise((resolve) => waiting.push(resolve))
        : Promise.resolve(socket);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

test("a deaf reader reads no byte after it is subscribed, and reconnects after it is cut off", async () => {
  await using server = await startServer();
  const deaf = new DeafReaders({ port: server.port, path: "/ws", readyMark: '"subscribed"' }, true);
  const opened = deaf.open(0);
  const first = await server.next();
  await opened;
  // The kernel's buffers take only a small part of this. The rest stays in this process for as long as nobody
  // reads.
  const chunk = Buffer.alloc(1 << 20);
  for (let i = 0; i < 32; i++) first.write(chunk);
  // A ping of the connection has arrived. A connection that reads would have taken the data by then.
  await once(first, "data");
  expect(first.writableLength).toBeGreaterThan(8 << 20);
  first.resetAndDestroy();
  const second = await server.next();
  // Only a connection that is subscribed again sends pings.
  await once(second, "data");
  expect(deaf.report).toEqual({ ended: 1, cameBack: 1 });
  deaf.close();
  second.destroy();
}, 20_000);
