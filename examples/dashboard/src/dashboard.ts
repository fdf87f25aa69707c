import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connectRedis, redisEngine } from "@milepost/redis";
import { createGateway, memoryEngine } from "@milepost/server";
import { createBackend } from "./backend.ts";
import type { Settings } from "./settings.ts";
import { simulateTeam } from "./simulated-team.ts";
import { dashboardTokens } from "./tokens.ts";

/** Connections of one worker. Four workers so have room for 50,000, with some to spare. */
const maxConnections = 13_000;

const files: Readonly<Record<string, readonly [string, string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/literal-client.js": ["literal-client.js", "text/javascript; charset=utf-8"],
  "/style.css": ["style.css", "text/css; charset=utf-8"],
};

/** Running dashboard. */
export interface Dashboard extends AsyncDisposable {
  readonly url: string;
  /** Issues a token for a user of the dashboard. */
  token(user: string): string;
  close(): Promise<void>;
}

/** Starts one process of the dashboard: the gateway, the backend and the page on one port. */
export async function startDashboard(
  settings: Settings,
  page: string,
  { simulates = true, drainMs = 500 } = {},
): Promise<Dashboard> {
  const onFault = (error: unknown) => console.error("dashboard:", error);
  const tokens = dashboardTokens(settings.secret);
  const link =
    settings.redis === ""
      ? undefined
      : await connectRedis({ url: settings.redis, onError: onFault });
  const gateway = createGateway({
    engine: link === undefined ? memoryEngine() : redisEngine(link, { onError: onFault }),
    auth: {
      verifyToken: tokens.verify,
      apiKeys: [{ name: "unused", key: randomBytes(32).toString("base64url") }],
    },
    limits: { maxConnections },
    ...(settings.origins.length > 0 && { allowedOrigins: settings.origins }),
  });
  const backend = createBackend(gateway, tokens);
  const server = createServer((request, response) => {
    backend(request, response)
      .then((isDone) => {
        if (!isDone) serveFile(page, request.url ?? "/", response);
      })
      .catch((error: unknown) => {
        onFault(error);
        response.destroy();
      });
  });
  gateway.attach(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: settings.port, host: settings.host, backlog: 4_096 }, resolve);
  });
  const stop = simulates ? simulateTeam(gateway, onFault) : () => {};
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = async () => {
    stop();
    await gateway.close({ drainMs });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const dashboard: Dashboard = {
    url: `http://${settings.host}:${port}`,
    token: (user) => tokens.mint(user, `session-of-${user}`),
    close() {
      closing ??= close();
      return closing;
    },
    [Symbol.asyncDispose]: () => dashboard.close(),
  };
  return dashboard;
}

function serveFile(page: string, url: string, response: ServerResponse): void {
  const path = url.split("?", 1)[0] ?? "/";
  if (path === "/health") {
    response.writeHead(307, { Location: "/ws/health" }).end();
    return;
  }
  const [name, type] = (Object.hasOwn(files, path) ? files[path] : undefined) ?? [];
  if (name === undefined || type === undefined) {
    response.writeHead(404, { "Content-Type": "text/plain" }).end("nothing is here\n");
    return;
  }
  response.writeHead(200, {
    "Content-Type": type,
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; img-src data:",
  });
  createReadStream(join(page, name)).pipe(response);
}
