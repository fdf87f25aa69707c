import { createServer } from "node:http";
import { Server } from "socket.io";
import { listen } from "./listen.ts";
import type { Target } from "./target.ts";

/** Starts Socket.IO with its defaults over WebSocket; it publishes with `emit` to one room. */
export async function startSocketIo(): Promise<Target> {
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"] });
  io.on("connection", (socket) => {
    socket.join("bench");
    socket.emit("subscribed");
  });
  return {
    plan: {
      port: await listen(http),
      path: "/socket.io/?EIO=4&transport=websocket",
      hello: "40",
      readyMark: '["subscribed"]',
      heartbeat: { ask: "2", answer: "3" },
    },
    publish(payloads) {
      for (const payload of payloads) io.to("bench").emit("progress", payload);
    },
    async close() {
      await io.close();
    },
  };
}
