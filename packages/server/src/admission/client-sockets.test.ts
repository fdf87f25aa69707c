import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { exchange, upgradeRequest } from "../testing/raw-http.ts";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const from = (address: string) => ({ "X-Forwarded-For": address });

async function raw(server: TestGateway, text = ""): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  if (text !== "") socket.write(text);
  return socket;
}

const closed = (socket: Socket) => new Promise((resolve) => socket.resume().once("close", resolve));
const opened = (socket: Socket) => once(socket, "data");

test("[P-ADM-1] sockets without a credential do not keep a user out, and the oldest of them goes first", async () => {
  await using server = await startGateway({ limits: { maxUnauthenticated: 3, maxConnections: 1 } });
  const silent = await raw(server);
  const slow = await raw(server, "GET /ws HTTP/1.1\r\nHost: a\r\n");
  const gone = [closed(silent), closed(slow)];
  const unverified: Socket[] = [];
  // Ten times the limit is the number from which no socket keeps its grace.
  for (let n = 0; n < 30; n++) {
    const socket = await raw(server, upgradeRequest("/ws"));
    unverified.push(socket);
    await opened(socket);
  }
  await Promise.all(gone);
  expect(await health(server)).toMatchObject({ connections: { unauthenticated: 30 } });
  const user = await server.socket();
  expect(await user.next()).toMatchObject({ type: "welcome" });
  const second = await server.socket();
  expect(await second.closed).toMatchObject({ code: 1013, reason: "too many connections" });
  for (const socket of unverified) socket.destroy();
});

test("[P-ADM-1] a user is served while 5,000 sockets without a credential come and stay", async () => {
  await using server = await startGateway();
  const sockets: Socket[] = [];
  const heads = ["", "GET /ws HTTP/1.1\r\nHost: a\r\n", upgradeRequest("/ws")];
  let sent = 0;
  const next = async (): Promise<void> => {
    while (sent < 5_000) sockets.push(await raw(server, heads[sent++ % heads.length]));
  };
  const flood = Promise.all(Array.from({ length: 64 }, next));
  let served = 0;
  do {
    const user = await server.socket();
    expect(await user.next()).toMatchObject({ type: "welcome" });
    user.terminate();
    served++;
  } while (sent < 5_000);
  await flood;
  expect(served).toBeGreaterThan(1);
  const { connections } = await health(server);
  expect(connections.unauthenticated).toBeGreaterThan(900);
  expect(connections.unauthenticated).toBeLessThanOrEqual(5_001);
  for (const socket of sockets) socket.destroy();
}, 60_000);

test("[P-ADM-1] a WebSocket that makes room is closed with 1013, and one that authenticated in time stays", async () => {
  await using server = await startGateway({ limits: { maxUnauthenticated: 1 } });
  const early = await server.socket("/ws", { token: null });
  early.send({ type: "auth", token: await server.token() });
  await early.nextOf("welcome");
  const late = await server.socket("/ws", { token: null });
  const more = [];
  for (let n = 0; n < 10; n++) more.push(await server.socket("/ws", { token: null }));
  expect(await late.closed).toMatchObject({ code: 1013, reason: /without a credential/ });
  expect(await early.ask({ id: 1, type: "subscribe", channel: "chat:1" })).toHaveProperty("result");
});

test("[P-ADM-2] an address has its own limits behind a trusted proxy: of sockets without a credential, and of connections", async () => {
  await using server = await startGateway({
    trustedProxies: ["loopback"],
    limits: { maxUnauthenticatedPerAddress: 1, maxConnectionsPerAddress: 2 },
  });
  const open = (address: string) => server.socket("/ws", { headers: from(address) });
  const bare = (address: string) => server.socket("/ws", { token: null, headers: from(address) });
  const first = await bare("198.51.100.1");
  const second = await bare("198.51.100.1");
  expect(await first.closed).toMatchObject({ code: 1013 });
  const other = await bare("198.51.100.2");
  second.terminate();
  await open("198.51.100.1");
  const last = await open("198.51.100.1");
  await expect(open("198.51.100.1")).rejects.toMatchObject({
    status: 503,
    problem: { code: "too_many_connections", retry_after_ms: 30_000 },
  });
  const headers = from("192.0.2.9, 198.51.100.1");
  const stream = await TestStream.open(`${server.url}/v1/sse?channels=chat:1`, {
    token: await server.token(),
    headers,
  });
  expect(stream.status).toBe(503);
  await open("198.51.100.3");
  expect(other.ws.readyState).toBe(other.ws.OPEN);
  // A closed connection frees its number.
  last.terminate();
  await expect
    .poll(() =>
      open("198.51.100.1").then(
        () => "open",
        () => "refused",
      ),
    )
    .toBe("open");
});

test("[P-ADM-2] a stream and a poll count for their address while they last", async () => {
  await using server = await startGateway({
    trustedProxies: ["loopback"],
    limits: { maxConnectionsPerAddress: 1 },
  });
  const headers = from("198.51.100.1");
  const token = await server.token();
  const url = `${server.url}/v1/sse?channels=chat:1`;
  const stream = await TestStream.open(url, { token, headers });
  const poll = () =>
    server.call("GET", "/v1/poll?channels=chat:1&wait=0", { credential: token, headers });
  expect((await poll()).status).toBe(503);
  stream.cut();
  await expect.poll(async () => (await poll()).status).toBe(200);
  expect((await poll()).status).toBe(200);
});

test("[P-ADM-4] with proxyProtocol the header of a trusted proxy names the client, and a connection without one is closed", async () => {
  const warnings: string[] = [];
  const log = {
    info() {},
    error() {},
    warn: (_: unknown, message: string) => warnings.push(message),
  };
  await using server = await startGateway({
    log,
    trustedProxies: ["loopback"],
    proxyProtocol: true,
    limits: { maxConnectionsPerAddress: 1 },
  });
  const header = "PROXY TCP4 198.51.100.1 127.0.0.1 4711 80\r\n";
  const upgrade = upgradeRequest("/ws", { Authorization: `Bearer ${await server.token()}` });
  const first = await raw(server);
  first.write(header.slice(0, 9));
  first.write(header.slice(9) + upgrade);
  expect(String(await opened(first))).toMatch(/^HTTP\/1\.1 101/);
  expect(await exchange(server.port, header + upgrade)).toMatch(
    /^HTTP\/1\.1 503.*too_many_connections/s,
  );
  const other = await raw(server, header.replace("100.1", "100.2") + upgrade);
  expect(String(await opened(other))).toMatch(/^HTTP\/1\.1 101/);
  // A forwarding header counts only if the client that the proxy names is itself a trusted proxy.
  const forged = upgradeRequest("/ws", {
    Authorization: `Bearer ${await server.token()}`,
    "X-Forwarded-For": "192.0.2.1",
  });
  expect(await exchange(server.port, header + forged)).toMatch(/^HTTP\/1\.1 503/);
  expect(await exchange(server.port, upgrade)).toBe("");
  expect(warnings.filter((text) => text.includes("PROXY protocol"))).toHaveLength(1);
  const local = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  expect(await exchange(server.port, `PROXY UNKNOWN\r\n${local}`)).toMatch(/^HTTP\/1\.1 200/);
  first.destroy();
  other.destroy();
});

test("[P-ADM-4] a peer that is not a trusted proxy cannot send a PROXY protocol header", async () => {
  await using server = await startGateway({ trustedProxies: ["192.0.2.1"], proxyProtocol: true });
  const request = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  expect(await exchange(server.port, request)).toMatch(/^HTTP\/1\.1 200/);
  const header = "PROXY TCP4 198.51.100.1 127.0.0.1 4711 80\r\n";
  expect(await exchange(server.port, header + request)).toMatch(/^HTTP\/1\.1 400/);
});

test("a gateway that closes does not wait for a PROXY protocol header", async () => {
  await using server = await startGateway({ trustedProxies: ["loopback"], proxyProtocol: true });
  const socket = await raw(server, "PROXY TC");
  const end = closed(socket);
  await server.gateway.close();
  await end;
});

async function health(server: TestGateway) {
  return (await server.call("GET", "/ws/health", { credential: null })).body;
}
