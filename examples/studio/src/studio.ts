import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createProducer } from "@milepost/producer";
import { createGateway, memoryEngine } from "@milepost/server";
import { createSocketIoBridge } from "@milepost/socketio";
import { sqliteEngine } from "@milepost/sqlite";
import { documentRules, yjsCompactor } from "@milepost/yjs/compactor";
import { GatewayApi } from "./gateway-api.ts";
import { generate } from "./generate.ts";
import { answerJson, Refusal, readBody } from "./http-answer.ts";
import { KeptVisitors } from "./kept-visitors.ts";
import { readMention, tellMentioned } from "./mentions.ts";
import { lanes, maxRemembered, maxWaiting, PreviewQueue, previewQueue } from "./preview-queue.ts";
import type { Settings } from "./settings.ts";
import { serveFile } from "./static-files.ts";
import { readFiles } from "./studio-files.ts";
import { guestOf } from "./visitor.ts";

/** Running studio. */
export interface Studio extends AsyncDisposable {
  /** Address of the backend, which serves the page as well. */
  readonly url: string;
  /** Address of the page on the port of `FRONTEND_URL`; undefined if that is not on this machine, or taken. */
  readonly pageUrl: string | undefined;
  close(): Promise<void>;
}

const drainMs = 500;
const localNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1"]);

/**
 * Starts the studio in this process: the gateway, the backend around it, the queue of the preview server, and the page.
 * Rejects as `listen` does when the backend's port cannot be used. `page` is the folder of the built page.
 */
export async function startStudio(settings: Settings, page: string): Promise<Studio> {
  const { data, frontendUrl, previewMs, stepMs, tokenSecret } = settings;
  const ending = new AbortController();
  const apiKey = randomBytes(32).toString("base64url");
  let backend = "";
  let local = "";
  const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
  const gateway = createGateway({
    engine: data === undefined ? memoryEngine() : sqliteEngine({ folder: data }),
    auth: {
      tokenSecret,
      apiKeys: [{ name: "studio", key: apiKey, scopes: ["queue:join", "queue:manage"] }],
    },
    guests: true,
    // Only the backend joins, since it knows who pays. One visitor at a time has the preview server.
    queues: [{ queue: previewQueue, join: "nobody", lanes, capacity: "workers", maxWaiting }],
    // Visitors are guests here, and everyone may hear what is for everyone.
    rules: [
      { pattern: "broadcast", subscribe: "anyone", publish: "granted", retention },
      ...documentRules({ subscribe: "anyone", publish: "anyone" }),
    ],
    compactors: { yjs: yjsCompactor() },
    limits: { pingIntervalMs: 25_000, idleTimeoutMs: 60_000 },
  });
  const { studio } = gateway;
  const api = new GatewayApi(() => local, apiKey);
  const queue = new PreviewQueue({
    studio,
    visitors: new KeptVisitors(data && join(data, "visitors"), maxRemembered),
    previewMs,
    stepMs,
    join: (guest, lane) => api.join(previewQueue, guest, lane),
  });
  const producer = createProducer({ gateway: gateway.operations });
  // A visitor who had the preview when the process was killed gets it again after this lease.
  const work = producer
    .queue(previewQueue)
    .work({ leaseMs: 5_000 }, (ticket) => queue.serve(ticket, ticket.signal));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://studio");
    if (allowPage(request, response)) return;
    switch (`${request.method} ${pathname}`) {
      case "GET /health":
        return answerJson(response, 200, {
          status: "healthy",
          connectedUsers: studio.getConnectedUsersCount(),
          queueLength: (await api.queue(previewQueue)).waiting,
          averageWaitMs: queue.averageWaitMs,
        });
      case "POST /api/sync-chainlit": {
        const userId = guestOf(request);
        const { files } = await readBody(request);
        return answerJson(response, 202, { position: await queue.join(userId, readFiles(files)) });
      }
      case "POST /api/plan": {
        queue.pay(guestOf(request));
        return answerJson(response, 200, { plan: "paid" });
      }
      case "POST /api/mentions": {
        guestOf(request);
        const mention = readMention(await readBody(request));
        await tellMentioned(gateway, mention);
        return answerJson(response, 202, { told: mention.users.length });
      }
      case "POST /api/generate": {
        const userId = guestOf(request);
        const { prompt } = await readBody(request);
        const work = { stepMs, signal: ending.signal };
        return answerJson(response, 200, { files: await generate(studio, userId, prompt, work) });
      }
      default:
        return servePage(request, response, pathname);
    }
  }

  /** Lets the page of `FRONTEND_URL` call the backend. Returns true if that has answered the request. */
  function allowPage({ headers, method }: IncomingMessage, response: ServerResponse): boolean {
    const { origin, host } = headers;
    if (origin === undefined || origin === `http://${host}`) return false;
    if (origin !== frontendUrl) throw new Refusal(403, "this origin is not FRONTEND_URL");
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-allow-credentials", "true");
    response.setHeader("vary", "Origin");
    if (method !== "OPTIONS") return false;
    response.setHeader("access-control-allow-headers", "Content-Type, X-User-Id");
    response.setHeader("access-control-allow-methods", "GET, POST");
    response.writeHead(204).end();
    return true;
  }

  async function servePage(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): Promise<void> {
    if (request.method === "GET" && path === "/config.js") {
      response.writeHead(200, { "content-type": "text/javascript", "cache-control": "no-store" });
      response.end(`globalThis.studioBackend = ${JSON.stringify(backend)};\n`);
      return;
    }
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (isRead && (await serveFile(page, path, backend, response))) return;
    const isHome = path === "/";
    throw new Refusal(404, isHome ? "the page is not built; run: npm run build" : "not found");
  }

  const respond =
    (handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>) =>
    (request: IncomingMessage, response: ServerResponse) => {
      handle(request, response).catch((thrown: unknown) => {
        if (response.headersSent || ending.signal.aborted) return void response.destroy();
        const status = thrown instanceof Refusal ? thrown.status : 500;
        if (status === 500) console.error("studio:", thrown);
        const message = thrown instanceof Refusal ? thrown.message : "internal error";
        answerJson(response, status, { error: message });
      });
    };
  const server = createServer(respond(answer));
  const pages = createServer(
    respond((request, response) =>
      servePage(request, response, new URL(request.url ?? "/", "http://studio").pathname),
    ),
  );
  studio.initialize(server, frontendUrl);
  const socketIo = createSocketIoBridge({ gateway, guests: true });
  socketIo.initialize(server, frontendUrl);

  const close = async () => {
    ending.abort();
    await work.close();
    await producer.close();
    await Promise.all([socketIo.close({ drainMs }), gateway.close({ drainMs })]);
    await Promise.all([server, pages].map(stop));
  };
  try {
    await listen(server, settings.port, settings.host);
  } catch (error) {
    await close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const name = localNames.has(new URL(frontendUrl).hostname)
    ? new URL(frontendUrl).hostname
    : settings.host;
  backend = `http://${name}:${port}`;
  local = `http://127.0.0.1:${port}`;
  const pagePort = Number(new URL(frontendUrl).port || 80);
  const isHere = localNames.has(new URL(frontendUrl).hostname) && pagePort !== port;
  await queue.resume();
  const isServed =
    isHere &&
    (await listen(pages, pagePort, settings.host).then(
      () => true,
      () => false,
    ));
  let ended: Promise<void> | undefined;
  return {
    url: backend,
    pageUrl: isServed ? frontendUrl : undefined,
    close: () => {
      ended ??= close();
      return ended;
    },
    async [Symbol.asyncDispose]() {
      ended ??= close();
      await ended;
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
