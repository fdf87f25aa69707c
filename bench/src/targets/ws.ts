import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { listen } from "./listen.ts";
import type { Target } from "./target.ts";

/** Starts the `ws` library with the broadcast of its readme: `send` to each client in a loop. */
export async function startWs(): Promise<Target> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  return {
    plan: { port: await listen(http), path: "/" },
    publish(payloads) {
      for (const payload of payloads) {
        const text = JSON.stringify(payload);
        for (const client of server.clients) client.send(text);
      }
    },
    async close() {
      for (const client of server.clients) client.terminate();
      server.close();
      http.close();
      await once(http, "close");
    },
  };
}
