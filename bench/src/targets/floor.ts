import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { acceptOf, frameText } from "@milepost/load/wire";
import { listen } from "./listen.ts";
import type { Target } from "./target.ts";

/**
 * Starts the cheapest server that Node allows: it builds frames once, joins them, and writes them to each raw
 * socket in a loop.
 *
 * There is no HTTP server and no WebSocket library behind it. The server discards what clients send after the
 * upgrade.
 */
export async function startFloor(): Promise<Target> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (request) => {
      const key = /^sec-websocket-key: *(\S+)/im.exec(request.toString("latin1"))?.[1];
      if (key === undefined) {
        socket.destroy();
        return;
      }
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
      );
      socket.resume();
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
  });
  return {
    plan: { port: await listen(server), path: "/" },
    publish(payloads) {
      const frames = payloads.map((payload) => frameText(JSON.stringify(payload)));
      const [only] = frames;
      const bytes = frames.length === 1 && only !== undefined ? only : Buffer.concat(frames);
      for (const socket of sockets) socket.write(bytes);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
