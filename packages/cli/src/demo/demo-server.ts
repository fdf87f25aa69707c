import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createProducer } from "@milepost/producer";
import { createGateway, createTokens } from "@milepost/server";
import { workOn } from "./sample-work.ts";

/** Secrets of a demo. */
export interface DemoSecrets {
  readonly tokenSecret: string;
  readonly apiKey: string;
}

/** Running demo. */
export interface Demo {
  readonly url: string;
  /** Ends the work, moves the readers and stops listening. */
  close(): Promise<void>;
}

const user = "demo";
const tokenMs = 600_000;
const drainMs = 200;

const page = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/demo.css": ["demo.css", "text/css; charset=utf-8"],
  "/demo.js": ["demo.js", "text/javascript; charset=utf-8"],
} as const;

const headers = {
  "Content-Security-Policy":
    "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
} as const;

/**
 * Starts a gateway that keeps nothing, work that reports to it, and a page that shows it, on loopback alone. Rejects with an
 * error whose code is that of the system when the port cannot be used.
 */
export async function startDemo(port: number, secrets: DemoSecrets): Promise<Demo> {
  const tokens = createTokens(secrets.tokenSecret, Date);
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  const hosts = [`127.0.0.1:${bound}`, `localhost:${bound}`];
  const gateway = createGateway({
    auth: {
      tokenSecret: secrets.tokenSecret,
      apiKeys: [{ name: "demo", key: secrets.apiKey }],
    },
    // A page elsewhere that renames itself to this address reaches nothing.
    allowedHosts: hosts,
    console: true,
    log: { info() {}, warn() {}, error() {} },
  });
  gateway.attach(server);
  const producer = createProducer({ gateway: gateway.operations, producerId: "demo" });
  const ending = new AbortController();
  const work = workOn(producer, user, ending.signal);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers: asked, url = "/" } = request;
    request.resume();
    const path = url.split("?")[0] ?? "/";
    if (!hosts.includes(asked.host ?? "")) return send(response, 403, "Not the demo's host.\n");
    if (path === "/demo-token" && method === "POST") {
      const origin = asked.origin;
      if (origin !== undefined && !hosts.some((host) => origin === `http://${host}`)) {
        return send(response, 403, "Not the demo's page.\n");
      }
      const token = await tokens.mint({ user, ttlMs: tokenMs });
      return send(response, 200, JSON.stringify({ token }), "application/json");
    }
    const file = Object.hasOwn(page, path) ? page[path as keyof typeof page] : undefined;
    if (file === undefined || method !== "GET") return send(response, 404, "Not found.\n");
    const text = readFileSync(new URL(`../../demo/${file[0]}`, import.meta.url), "utf8");
    return send(response, 200, text, file[1]);
  }

  return {
    url: `http://127.0.0.1:${bound}`,
    async close() {
      ending.abort();
      await producer.close();
      await work.catch(() => {});
      await gateway.close({ drainMs });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { ...headers, "Content-Type": type });
  response.end(text);
}
