import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { trackQueue } from "@milepost/bullmq";
import { connectRedis, redisEngine } from "@milepost/redis";
import { createGateway, createTokens } from "@milepost/server";
import { FlowProducer, type Job } from "bullmq";
import { connectionOf } from "./connection.ts";
import { describeFilm, filmFlow } from "./films.ts";
import { readSettings } from "./settings.ts";

// The gateway, and the backend around it: the page, tokens of visitors, and the films that they add.

const { port, host, apiKey, tokenSecret, redisUrl = "" } = readSettings(process.env, []);
const connection = connectionOf(redisUrl);
const gateway = createGateway({
  engine: redisEngine(await connectRedis({ url: redisUrl })),
  auth: { tokenSecret, apiKeys: [{ name: "pipeline", key: apiKey }] },
});
const tokens = createTokens(tokenSecret);
const films = new FlowProducer({ connection });
films.on("error", (error) => console.error(error.message));
// The worker processes report; this one only names the operations.
const names = trackQueue({
  gateway: gateway.operations,
  queue: "publish",
  connection,
  describe: describeFilm,
  watch: false,
});

const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html"],
  "/page.js": ["page.js", "text/javascript"],
  "/page.css": ["page.css", "text/css"],
};
const visitMs = 12 * 3_600_000;
const maxTitle = 60;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const file = files[pathname];
  if (file !== undefined && request.method === "GET") {
    const body = await readFile(new URL(`../page/${file[0]}`, import.meta.url));
    const headers = { "content-type": `${file[1]}; charset=utf-8`, "cache-control": "no-cache" };
    response.writeHead(200, headers).end(body);
    return;
  }
  const { status, body } = await call(request, pathname);
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function call(request: IncomingMessage, path: string): Promise<Answer> {
  if (request.method !== "POST") return { status: 404, body: { error: "there is nothing here" } };
  // Pages of other sites can make a browser send a POST, but not with this header.
  if (request.headers["content-type"] !== "application/json") {
    return { status: 415, body: { error: "send JSON" } };
  }
  if (path === "/api/visits") {
    const user = `visitor-${randomBytes(6).toString("hex")}`;
    return { status: 201, body: { user, token: await tokens.mint({ user, ttlMs: visitMs }) } };
  }
  if (path === "/api/films") {
    const user = await userOf(request);
    if (user === undefined) return { status: 401, body: { error: "begin a visit first" } };
    const { title } = (await bodyOf(request)) as { readonly title?: unknown };
    if (typeof title !== "string" || title === "" || title.length > maxTitle) {
      return { status: 400, body: { error: `title must have 1 to ${maxTitle} characters` } };
    }
    const { job } = await films.add(filmFlow(title, user));
    return { status: 202, body: { operation_id: names.operationId(job as Job) } };
  }
  return { status: 404, body: { error: `there is nothing at ${path}` } };
}

async function userOf(request: IncomingMessage): Promise<string | undefined> {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const principal = await tokens.verify(token).catch(() => undefined);
  return principal?.kind === "user" ? principal.user : undefined;
}

async function bodyOf(request: IncomingMessage): Promise<object> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > 10_000) return {};
  }
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return {};
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error("pipeline:", error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end();
  });
});
gateway.attach(server);
server.listen(port, host, () => console.log("ready"));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, async () => {
    await names.close();
    await films.close().catch(() => {});
    await gateway.close({ drainMs: 200 });
    process.exit(0);
  });
}
