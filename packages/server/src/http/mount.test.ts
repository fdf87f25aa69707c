import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { createGateway } from "../gateway.ts";
import { exchange, upgradeRequest } from "../testing/raw-http.ts";
import { apiKey, testGateway, tokenSecret } from "../testing/test-gateway.ts";
import { openSocket } from "../testing/test-socket.ts";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Starts a host program's own server with a gateway mounted on it. */
async function startHost(prepare: (server: Server) => void = () => {}) {
  const server = createServer();
  prepare(server);
  const gateway = createGateway({
    autoSubscribe: [],
    auth: { tokenSecret, apiKeys: [{ name: "test", key: apiKey }] },
  });
  const detach = gateway.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = testGateway(gateway, port);
  cleanups.push(async () => {
    await client[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  return { server, gateway, detach, client, port };
}

/** Starts a gateway on a server of the given kind and resolves with its port. */
async function startPort(kind: string): Promise<number> {
  if (kind !== "an own server") {
    const withSockets = (server: Server) => new WebSocketServer({ server, path: "/other" });
    return (await startHost(kind.endsWith("its own") ? withSockets : undefined)).port;
  }
  const gateway = createGateway({
    autoSubscribe: [],
    auth: { tokenSecret, apiKeys: [{ name: "test", key: apiKey }] },
  });
  cleanups.push(() => gateway.close());
  return (await gateway.listen({ port: 0 })).port;
}

/**
 * Sends each request after the answer to the previous one; resolves with all answers when the server closes.
 */
function converse(port: number, requests: readonly string[]): Promise<string> {
  const left = [...requests];
  return new Promise((resolve, reject) => {
    let answers = "";
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (chunk) => {
      answers += chunk;
      if (answers.endsWith("}") && left.length > 0) socket.write(left.shift() ?? "");
    });
    socket.on("close", () => resolve(answers));
    socket.on("error", reject);
    socket.write(left.shift() ?? "");
  });
}

const http2Offer =
  "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";

function answerWith(text: string) {
  return (server: Server) => {
    server.on("request", (_request, response) => response.end(text));
  };
}

describe("a gateway mounted on a host's server", () => {
  it("a mounted gateway leaves other paths to the host, and the host never sees requests for the gateway's paths", async () => {
    const seen: (string | undefined)[] = [];
    const { client } = await startHost((server) => {
      server.on("request", (request, response) => {
        seen.push(request.url);
        response.statusCode = 418;
        response.end('"host"');
      });
    });
    for (const path of ["/", "/v10/publish", "/v", "/wsx", "/healthz/x", "/api?x=/v1/"]) {
      expect(await client.call("GET", path)).toMatchObject({ status: 418, body: "host" });
    }
    expect(await client.call("GET", "/healthz")).toMatchObject({ status: 200 });
    expect(await client.call("GET", "/ws/health?x=1")).toMatchObject({ status: 200 });
    expect(
      await client.call("POST", "/v1/publish", { body: { channel: "a", event: "e", data: 1 } }),
    ).toMatchObject({ status: 200 });
    expect(seen).toEqual(["/", "/v10/publish", "/v", "/wsx", "/healthz/x", "/api?x=/v1/"]);
  });

  it("a mounted gateway serves its paths even when the host adds listeners later", async () => {
    const { client, server } = await startHost();
    answerWith('"late"')(server);
    expect(await client.call("GET", "/healthz")).toMatchObject({ body: { status: "ok" } });
    expect(await client.call("GET", "/")).toMatchObject({ body: "late" });
  });

  it.each(["before", "after"])(
    "a mounted gateway works together with a host's WebSocket server that was created %s it",
    async (when) => {
      const other = (server: Server) => {
        const sockets = new WebSocketServer({ server, path: "/other" });
        sockets.on("connection", (socket) => {
          socket.on("message", (data) => socket.send(`"echo ${data}"`));
        });
      };
      const { client, server } = await startHost(when === "before" ? other : undefined);
      if (when === "after") other(server);

      const gatewaySocket = await client.socket();
      expect(await gatewaySocket.next()).toMatchObject({ type: "welcome" });
      const hostSocket = await client.socket("/other");
      hostSocket.send("hello");
      expect(await hostSocket.next()).toBe("echo hello");
      expect(gatewaySocket.arrived).toEqual([]);
    },
  );

  it("a mounted gateway does not touch upgrades that the host handles without ws", async () => {
    const { port } = await startHost((server) => {
      server.on("upgrade", (_request, socket) => {
        // The answer comes later, as from an application that queries its database first.
        setImmediate(() => socket.end("HTTP/1.1 101 Its Own\r\n\r\n"));
      });
    });
    expect(await exchange(port, upgradeRequest("/own"))).toBe("HTTP/1.1 101 Its Own\r\n\r\n");
  });

  it("a mounted gateway answers 404 to an upgrade that no listener handles", async () => {
    const { port } = await startHost(answerWith("host"));
    expect(await exchange(port, upgradeRequest("/nobody"))).toMatch(
      /^HTTP\/1\.1 404 .*"code":"not_found"/s,
    );
  });

  it("a mounted gateway answers a request with Expect: 100-continue", async () => {
    const { port } = await startHost(answerWith("host"));
    const body = '{"channel":"a","event":"e","data":1}';
    const answer = await exchange(
      port,
      `POST /v1/publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nAuthorization: Bearer ${apiKey}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });

  it.each(["an own server", "a host's server", "a host's server with WebSockets of its own"])(
    "a request that offers HTTP/2 is answered with HTTP/1.1 on %s",
    async (kind) => {
      const port = await startPort(kind);
      const body = '{"channel":"a","event":"e","data":1}';
      const post = `POST /v1/publish HTTP/1.1\r\nHost: x\r\n${http2Offer}Authorization: Bearer ${apiKey}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const get = "GET /ws/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
      // Both requests use one connection, the second after the answer to the first, as clients do.
      expect(await converse(port, [post, get])).toMatch(
        /^HTTP\/1\.1 200 .*"duplicate":false.*HTTP\/1\.1 200 .*"status":"healthy"/s,
      );
    },
  );

  it("a mounted gateway leaves a request that offers HTTP/2 on another path to the host", async () => {
    const { port } = await startHost(answerWith("host"));
    const request = `GET /own HTTP/1.1\r\nHost: x\r\n${http2Offer.replace("Upgrade,", "close, Upgrade,")}\r\n`;
    expect(await exchange(port, request)).toMatch(/^HTTP\/1\.1 200 .*host/s);
  });

  it("a request that offers HTTP/2 with more headers than Node reads is refused, and its body is not parsed as a request", async () => {
    const { port } = await startHost(answerWith("host"));
    const many = "a: b\r\n".repeat(2_000);
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const answer = await exchange(
      port,
      `POST /v1/publish HTTP/1.1\r\nHost: x\r\n${http2Offer}${many}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    );
    expect(answer.match(/^HTTP/gm)).toHaveLength(1);
    expect(answer).toMatch(/^HTTP\/1\.1 4(?:00 .*too many headers|31 )/s);
  });

  it("a detached gateway passes all requests to the host, even when another gateway wrapped the server after it", async () => {
    const { client, detach, server, port } = await startHost(answerWith('"host"'));
    const second = createGateway({ auth: { tokenSecret }, autoSubscribe: [] });
    const detachSecond = second.attach(server);
    expect(await exchange(port, upgradeRequest("/nobody"))).toMatch(/^HTTP\/1\.1 404 /);
    detach();
    detachSecond();
    expect(await client.call("GET", "/healthz")).toMatchObject({ body: "host" });
    await second.close();
  });

  it("detaching or closing a gateway returns its paths to the host and leaves the server open", async () => {
    const { client, detach, gateway, server, port } = await startHost(answerWith('"host"'));
    detach();
    expect(await client.call("GET", "/healthz")).toMatchObject({ body: "host" });
    gateway.attach(server);
    expect(await client.call("GET", "/healthz")).toMatchObject({ body: { status: "ok" } });
    await gateway.close();
    expect(await client.call("GET", "/healthz")).toMatchObject({ body: "host" });
    await expect(openSocket(`ws://127.0.0.1:${port}/ws`)).rejects.toMatchObject({ status: 200 });
  });

  it("mounting a gateway changes no global of the host", async () => {
    const before = [globalThis.Request, globalThis.Response];
    const { client } = await startHost();
    await client.call("GET", "/healthz");
    expect([globalThis.Request, globalThis.Response]).toEqual(before);
  });
});
