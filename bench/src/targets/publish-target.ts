import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connectRedis, redisEngine } from "@milepost/redis";
import { createGateway, memoryEngine } from "@milepost/server";
import { createClient } from "@redis/client";
import { type WebSocket, WebSocketServer } from "ws";
import type { ConnectPlan } from "../generator/connect-plan.ts";
import { listen } from "./listen.ts";
import { secrets } from "./served-node.ts";

/** Servers that take publications by HTTP. The last one also has readers, as Milepost has. */
export const publishTargets = {
  floor: "floor (bare node:http)",
  milepost: "Milepost, memory",
  "redis-floor": "floor with XADD and PUBLISH",
  "milepost-redis": "Milepost over Redis",
  ws: "ws + node:http, HS256",
  "ws-all": "ws + node:http, every reader",
  "redis-ws-all": "ws + node:http, XADD and PUBLISH, every reader",
} as const;

export type PublishTargetName = keyof typeof publishTargets;

/** Channel of reader number `{i}`. */
export const ownChannel = "bench:own:{i}";
/** Channel that all readers read, where they share one. */
export const sharedChannel = "bench:all";

/** Starts a server that takes publications; resolves with its port. Targets over Redis need the URL of one. */
export async function startPublishTarget(name: PublishTargetName, redisUrl = ""): Promise<number> {
  if (name === "floor") return listen(createServer(bareHandler(bareStore())));
  if (name === "ws") return await startWsWithHttp();
  if (name === "ws-all") return await startWsToAll();
  if (name === "redis-ws-all") return await startWsToAll(redisUrl);
  if (name === "redis-floor") {
    return listen(createServer(bareHandler(await bareRedisStore(redisUrl))));
  }
  const gateway = createGateway({
    engine:
      name === "milepost" ? memoryEngine() : redisEngine(await connectRedis({ url: redisUrl })),
    auth: { tokenSecret: secrets.tokenSecret, apiKeys: [{ name: "bench", key: secrets.apiKey }] },
    limits: { maxConnections: 20_000 },
  });
  const { port } = await gateway.listen({ port: 0, host: "127.0.0.1" });
  return port;
}

/** Returns how readers connect to a target, each with a token and one channel, its own by default. */
export function readersOf(
  name: PublishTargetName,
  port: number,
  channel: string = ownChannel,
): ConnectPlan {
  const plan = { port, tokenSecret: secrets.tokenSecret, readyMark: '"subscribed"' };
  if (!name.startsWith("milepost")) return { ...plan, path: `/${channel}` };
  return { ...plan, path: `/ws?channels=${channel}`, subprotocol: "milepost.v1.json" };
}

/** Stores one publication; returns or resolves with its position. */
type Store = (channel: string, event: string, data: string) => string | Promise<string>;

const position = (offset: number) => `AbCdEfGh:${offset}:${"t".repeat(11)}`;

function bareStore(): Store {
  let offset = 0;
  return () => position(++offset);
}

/** Script of one XADD and one PUBLISH: the least that stores and distributes an entry. */
const script = `redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*', 'e', ARGV[1] .. '\\n' .. ARGV[2])
return redis.call('PUBLISH', KEYS[2], ARGV[2])`;

function redisClient(url: string) {
  // As the gateway does: with the client's default timeout, each command costs several times as much.
  const commandOptions = { timeout: undefined as unknown as number };
  return createClient({ url, commandOptions }).connect();
}

async function bareRedisStore(url: string): Promise<Store> {
  const client = await redisClient(url);
  const sha = await client.scriptLoad(script);
  let offset = 0;
  return async (channel, event, data) => {
    const number = ++offset;
    const keys = [`milepost:floor:${channel}:stream`, `milepost:floor:${channel}`];
    await client.evalSha(sha, { keys, arguments: [event, data] });
    return position(number);
  };
}

/**
 * The cheapest handler that does the same on the wire: it reads the body by its chunks, parses it, compares the
 * credential, and answers with a position for each publication.
 */
function bareHandler(store: Store): (request: IncomingMessage, response: ServerResponse) => void {
  const credential = `Bearer ${secrets.apiKey}`;
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.headers.authorization !== credential) {
        response.writeHead(401).end();
        return;
      }
      const text = Buffer.concat(chunks).toString("utf8");
      const lines = text.includes("\n") ? text.split("\n") : [text];
      const stored = lines.map((line) => {
        const { channel, event, data } = JSON.parse(line);
        const kept = store(channel, event, JSON.stringify(data));
        return typeof kept === "string"
          ? { channel, position: kept, duplicate: false }
          : kept.then((known) => ({ channel, position: known, duplicate: false }));
      });
      if (!stored.some((one) => one instanceof Promise)) answer(response, stored);
      else void Promise.all(stored).then((results) => answer(response, results));
    });
  };
}

function answer(response: ServerResponse, results: readonly unknown[]): void {
  const text = JSON.stringify({ results });
  response.writeHead(200, {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

/**
 * Starts the `ws` library beside `node:http`: the signature and the expiry of each token are checked, and a publication
 * is sent to the one reader of its channel.
 */
async function startWsWithHttp(): Promise<number> {
  const readers = new Map<string, WebSocket>();
  const store = bareStore();
  return await listenForReaders(
    (channel, event, data) => {
      readers.get(channel)?.send(data);
      return store(channel, event, data);
    },
    (channel, reader) => {
      readers.set(channel, reader);
      reader.on("close", () => readers.delete(channel));
    },
  );
}

/** Starts the same with every publication sent to every reader; with Redis, once the script's PUBLISH brings it back. */
async function startWsToAll(redisUrl?: string): Promise<number> {
  const readers = new Set<WebSocket>();
  const sendAll = (data: string) => {
    for (const reader of readers) reader.send(data);
  };
  const stored = redisUrl === undefined ? bareStore() : await bareRedisStore(redisUrl);
  if (redisUrl !== undefined) {
    const listening = await redisClient(redisUrl);
    await listening.subscribe(`milepost:floor:${sharedChannel}`, sendAll);
  }
  return await listenForReaders(
    (channel, event, data) => {
      if (redisUrl === undefined) sendAll(data);
      return stored(channel, event, data);
    },
    (_, reader) => {
      readers.add(reader);
      reader.on("close", () => readers.delete(reader));
    },
  );
}

async function listenForReaders(
  store: Store,
  onReader: (channel: string, reader: WebSocket) => void,
): Promise<number> {
  const http = createServer(bareHandler(store));
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
  });
  http.on("upgrade", (request, socket, head) => {
    if (!isValid(request.headers.authorization)) {
      socket.destroy();
      return;
    }
    server.handleUpgrade(request, socket, head, (reader) => {
      onReader((request.url ?? "").slice(1), reader);
      reader.send('{"type":"subscribed"}');
    });
  });
  return await listen(http);
}

function isValid(authorization = ""): boolean {
  const token = authorization.slice("Bearer ".length);
  const signed = token.slice(0, token.lastIndexOf("."));
  const given = Buffer.from(token.slice(signed.length + 1), "base64url");
  const mac = createHmac("sha256", secrets.tokenSecret).update(signed).digest();
  if (given.length !== mac.length || !timingSafeEqual(given, mac)) return false;
  const [head = "", body = ""] = signed.split(".");
  const { alg } = JSON.parse(Buffer.from(head, "base64url").toString());
  const { sub, exp } = JSON.parse(Buffer.from(body, "base64url").toString());
  return alg === "HS256" && typeof sub === "string" && exp * 1_000 > Date.now();
}
