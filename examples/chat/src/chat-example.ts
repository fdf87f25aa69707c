import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isIP } from "node:net";
import { createGateway, memoryEngine } from "@milepost/server";
import { Agent } from "./agent.ts";
import { type ModelBackend, startModel } from "./model-backend.ts";
import { serveFile } from "./static-files.ts";

/** Settings of the example. */
export interface ChatSettings {
  readonly port: number;
  readonly host: string;
  /** Time that the simulated model needs for a word, in milliseconds. */
  readonly wordMs: number;
  /** Folder of the page that Vite has built, and folder of the client without a build. */
  readonly page: string;
  readonly literal: string;
}

/** Running example. */
export interface ChatExample {
  readonly url: string;
  readonly model: ModelBackend;
  close(): Promise<void>;
}

const roomName = /^[a-z0-9-]{3,40}$/;
const userName = /^[\p{L}\p{N} ._-]{1,30}$/u;
const tokenMs = 3_600_000;

/** Starts the gateway, the model, the agent and the pages. */
export async function startChatExample(settings: ChatSettings): Promise<ChatExample> {
  const secret = () => randomBytes(36).toString("base64url");
  const modelSecret = secret();
  const model = await startModel(modelSecret, settings.wordMs);
  const gateway = createGateway({
    engine: memoryEngine(),
    auth: { tokenSecret: secret(), apiKeys: [{ name: "example", key: secret() }] },
    backends: { "model.answer": { url: model.url, secret: modelSecret, timeoutMs: 30_000 } },
  });
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error("chat:", error);
      response.destroy();
    });
  });
  gateway.attach(server);
  server.listen(settings.port, settings.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = new Agent(gateway, `ws://127.0.0.1:${port}/ws`);

  /** Gives a visitor a token for one room. The room is the visitor's session. */
  async function visit(url: URL, response: ServerResponse): Promise<void> {
    const room = url.searchParams.get("room") ?? `room-${randomBytes(3).toString("hex")}`;
    const name = url.searchParams.get("name") ?? `guest-${randomBytes(2).toString("hex")}`;
    if (!roomName.test(room) || !userName.test(name)) {
      return json(response, 422, { detail: "room or name has characters that are not allowed" });
    }
    const channel = `chat:${room}`;
    agent.join(channel);
    const channels = { subscribe: [channel], publish: [channel] };
    const token = await gateway.mintToken({
      user: name,
      session: room,
      channels,
      ttlMs: tokenMs,
    });
    json(response, 200, { user: name, session: room, channel, token });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host } = request.headers;
    // A foreign page can make any other name resolve to this machine.
    if (host === undefined || !isOwnHost(host))
      return json(response, 403, { detail: "unknown host" });
    const url = new URL(request.url ?? "/", `http://${host}`);
    if (url.pathname === "/chat/visit" && request.method === "POST") {
      const site = request.headers["sec-fetch-site"] ?? "none";
      if (site === "same-origin" || site === "none") return visit(url, response);
      return json(response, 403, { detail: "ask from the example's own page" });
    }
    if (request.method !== "GET") return json(response, 405, { detail: "use GET" });
    const path = decodeURI(url.pathname).slice(1);
    const isLiteral = path.startsWith("literal/");
    const [folder, file] = isLiteral ? [settings.literal, path.slice(8)] : [settings.page, path];
    if (await serveFile(folder, file, host, response)) return;
    json(response, 404, { detail: "there is nothing here; is the page built? run: npm run build" });
  }

  return {
    url: `http://${settings.host.includes(":") ? `[${settings.host}]` : settings.host}:${port}`,
    model,
    async close() {
      await agent.close();
      await gateway.close({ drainMs: 500 });
      await model.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function isOwnHost(host: string): boolean {
  if (!URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  return hostname === "localhost" || isIP(hostname) !== 0 || isIP(hostname.slice(1, -1)) === 6;
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
