import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { grant, rules } from "@milepost/faults";
import { startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { populate } from "./fixtures/balanced-population.ts";
import {
  type Balancer,
  type BalancerProgram,
  balancerPaths,
  type Place,
  startBalancer,
} from "./fixtures/balancer.ts";
import { type Served, secrets, serveGatewayWith } from "./fixtures/served.ts";

const clientCount = 300;
const nodeCount = 3;
const drain = "2s";

// Node's fetch trusts no further authority once it runs. The certificate itself is checked by the WebSockets.
beforeAll(() => void vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0"));
afterAll(() => void vi.unstubAllEnvs());

/** Three gateways over one Redis, each of which can be replaced on its port. */
async function startNodes(count = nodeCount, limits: object = {}) {
  const redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "milepost-nodes-"));
  const config = join(folder, "settings.json");
  await writeFile(config, JSON.stringify({ rules, limits, trustedProxies: ["127.0.0.1"] }));
  const serve = (port: number) =>
    serveGatewayWith(
      {},
      ...["--redis", redis.url, "--config", config, "--drain", drain, "--port", String(port)],
    );
  const nodes: Served[] = await Promise.all(Array.from({ length: count }, () => serve(0)));
  const ports = nodes.map(({ url }) => Number(new URL(url).port));
  return {
    ports,
    nodes,
    /** Stops a node as an operator would, and starts another one on its port. */
    async replace(index: number): Promise<number | null | undefined> {
      const code = await nodes[index]?.end("SIGTERM");
      nodes[index] = await serve(ports[index] ?? 0);
      return code;
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** Answer to the request for a WebSocket. */
interface Upgraded {
  readonly status: number;
  readonly cookie: string | undefined;
  end(): void;
}

/** Asks a balancer for a WebSocket, from an address of this machine that no gateway trusts. */
async function upgrade(
  { url, ca }: Balancer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Upgraded> {
  const token = await createTokens(secrets.tokenSecret, Date).mint({ user: "ann" });
  const address = `${url.replace("https", "wss")}/ws?token=${token}`;
  const socket = new WebSocket(address, { ca, headers, localAddress: "127.0.0.2" });
  socket.on("error", () => {});
  const end = () => socket.terminate();
  const cookieOf = ({ headers: { "set-cookie": cookies = [] } }: IncomingMessage) => cookies[0];
  return Promise.race([
    once(socket, "upgrade").then(([answer]: IncomingMessage[]) => ({
      status: 101,
      cookie: answer && cookieOf(answer),
      end,
    })),
    once(socket, "unexpected-response").then(([, answer]: IncomingMessage[]) => ({
      status: answer?.statusCode ?? 0,
      cookie: answer && cookieOf(answer),
      end,
    })),
  ]);
}

async function connectionsOf({ url }: Served): Promise<number> {
  const answer = await fetch(`${url}/ws/health`);
  return ((await answer.json()) as { connections: { local: number } }).connections.local;
}

/**
 * Number of programs that share each processor. All clients, nodes and the balancer run on this machine, so what else runs
 * here delays a client as no network does.
 */
function crowding(): number {
  return Math.max(1, (loadavg()[0] ?? 1) / availableParallelism());
}

/** Statuses of 500 and above in an access log. */
function failuresIn(balancer: Balancer): readonly string[] {
  return balancer.log().filter((line) => /^\S+ [A-Z]+ \S+ 5\d\d /.test(line));
}

describe("load balancers with the shipped configuration", () => {
  for (const name of ["haproxy", "nginx"] as const) {
    test.skipIf(balancerPaths[name] === undefined)(
      `[P-ADM-2] [P-ADM-3] a client behind ${name} has the limit of its own address, whatever address it claims, and stays at one node`,
      async () => {
        const limits = { maxConnectionsPerAddress: 2 };
        await using nodes = await startNodes(1, limits);
        const [port = 0] = nodes.ports;
        await using balancer = await startBalancer({ name }, [port, port, port]);
        const answers = [];
        for (const claimed of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) {
          answers.push(
            await upgrade(balancer, { "x-forwarded-for": claimed, "x-real-ip": claimed }),
          );
        }
        expect(answers.map(({ status }) => status)).toEqual([101, 101, 503]);
        expect(answers[0]?.cookie).toMatch(/^milepost_node=n?[123]; .*httponly.*; secure/i);
        for (const { end } of answers) end();
        // A token in an address is in no log.
        expect(balancer.log().join("\n")).not.toContain("token=");
      },
    );

    test.skipIf(balancerPaths[name] === undefined)(
      `[G1] [G2] [G3] [G8] 300 clients behind ${name} miss nothing and are away for less than 2 s while three nodes are replaced in turn`,
      async () => {
        await using nodes = await startNodes();
        await using balancer = await startBalancer({ name }, nodes.ports);
        const population = await populate(balancer, clientCount);
        for (const node of nodes.nodes) {
          // The clients are spread by their number of connections.
          expect(await connectionsOf(node)).toBeGreaterThan(clientCount / nodeCount / 2);
        }
        for (let i = 0; i < nodeCount; i++) expect(await nodes.replace(i)).toBe(0);
        const { violations, longestAwayMs, reconnects, failedAttempts, stored } =
          await population.end();
        expect(violations.slice(0, 5)).toEqual([]);
        expect(reconnects).toBeGreaterThanOrEqual(clientCount);
        expect(failedAttempts).toBe(0);
        expect(longestAwayMs).toBeLessThan(2_000 * crowding());
        expect(stored).toBeGreaterThan(50);
        expect(failuresIn(balancer)).toEqual([]);
      },
    );
  }
});

/** HAProxy with a stick table and an inserted cookie, as a team may already run it. */
function ownHaproxy({ folder, port, plainPort, nodes }: Place): string {
  return `
defaults
  mode http
  log stdout format raw local0
  log-format "%ci %HM %HP %ST"
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
frontend web
  bind 127.0.0.1:${plainPort}
  bind 127.0.0.1:${port} ssl crt ${join(folder, "haproxy.pem")}
  acl upgrades hdr(Upgrade) -i WebSocket
  use_backend sockets if upgrades
  default_backend sockets
backend sockets
  balance leastconn
  cookie SERVERID insert indirect nocache
  stick-table type string len 32 size 100k expire 1h
  stick on cookie(session_id)
  option httpchk GET /ws/health
${nodes.map((node, i) => `  server own${i} 127.0.0.1:${node} check inter 200ms cookie s${i} maxconn 1000`).join("\n")}
`;
}

/** nginx with one location for everything below /ws, as a team may already run it. */
function ownNginx({ folder, port, plainPort, certFile, keyFile, nodes }: Place): string {
  return `
pid ${join(folder, "nginx.pid")};
events {}
http {
  access_log /dev/stdout;
  server { listen 127.0.0.1:${plainPort}; }
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${certFile};
    ssl_certificate_key ${keyFile};
    location /ws {
      proxy_pass http://127.0.0.1:${nodes[0]};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr;
    }
  }
}
`;
}

describe("load balancers that a team already runs", () => {
  for (const [name, configuration, says] of [
    ["haproxy", ownHaproxy, "a stick table, an inserted cookie and a health check by HTTP"],
    ["nginx", ownNginx, "one location /ws, a fixed Connection header and X-Real-IP"],
  ] as const) {
    const program: BalancerProgram = { name, configuration };
    test.skipIf(balancerPaths[name] === undefined)(
      `WebSockets and event streams work behind ${name} with ${says}`,
      async () => {
        await using nodes = await startNodes(1);
        await using balancer = await startBalancer(program, nodes.ports);
        // HAProxy sends nobody to a node before its health check was answered well.
        const answer = await fetch(`${balancer.url}/ws/health`);
        expect(await answer.json()).toMatchObject({ status: "healthy" });
        const socket = await upgrade(balancer);
        expect(socket.status).toBe(101);
        socket.end();
        const tokens = createTokens(secrets.tokenSecret, Date);
        const token = await tokens.mint({ user: "ann", channels: grant });
        const stream = await fetch(`${balancer.url}/ws/sse?channels=log:a&token=${token}`);
        const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
        let text = "";
        const until = async (word: string) => {
          while (!text.includes(word)) text += (await reader?.read())?.value ?? "";
        };
        await until("subscribed");
        const published = await fetch(`${nodes.nodes[0]?.url}/v1/publish`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${secrets.apiKey}`,
            "content-type": "application/json",
          },
          body: JSON.stringify({ channel: "log:a", event: "tick", data: "not held back" }),
        });
        expect(published.ok).toBe(true);
        await until("not held back");
        await reader?.cancel();
      },
    );
  }
});
