import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expect, it } from "vitest";
import { createGateway } from "../../gateway.ts";
import { upgradeRequest } from "../../testing/raw-http.ts";
import { apiKey, startGateway, testGateway, tokenSecret } from "../../testing/test-gateway.ts";

/**
 * Returns all listeners of a socket, by event. A listener with a wrapper, such as one added with `once`, is
 * returned as the wrapper.
 */
function listenersOf(socket: Socket): ReadonlyMap<string | symbol, readonly unknown[]> {
  return new Map(socket.eventNames().map((name) => [name, socket.rawListeners(name)]));
}

it("[TRAP-14] a WebSocket connection creates no listener and no timer: all sockets share the same listeners", async () => {
  const server = createServer();
  const gateway = createGateway({
    auth: { tokenSecret, apiKeys: [{ name: "test", key: apiKey }] },
    limits: { maxConnectionsPerUser: 30, maxConnectionsPerSession: 30 },
  });
  gateway.attach(server);
  const accepted: Socket[] = [];
  server.on("connection", (socket) => accepted.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await using client = testGateway(gateway, port);
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const first = await client.socket("/ws/chat/1");
  await first.nextOf("subscribed");
  const before = timers();
  const rest = await Promise.all(
    Array.from({ length: 20 }, (_, i) => client.socket(`/ws/chat/${i % 2}`)),
  );
  for (const socket of rest) await socket.nextOf("subscribed");
  // A node has a few timers of its own, and their number varies.
  expect(timers() - before).toBeLessThan(rest.length / 2);
  const [own, ...others] = accepted.map(listenersOf);
  expect(own?.size).toBeGreaterThan(0);
  for (const other of others) expect(other).toEqual(own);
  server.close();
});

it("[TRAP-15] a WebSocket keeps no compression context between messages, whatever the client offers", async () => {
  await using server = await startGateway();
  const socket = connect(server.port, "127.0.0.1");
  const headers = {
    Authorization: `Bearer ${await server.token()}`,
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
  };
  socket.write(upgradeRequest("/ws", headers));
  const [head] = (await once(socket, "data")) as [Buffer];
  const answer = head.toString("latin1").split("\r\n\r\n")[0] ?? "";
  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  const agreed = /^sec-websocket-extensions: *(.*)$/im.exec(answer)?.[1] ?? "";
  if (agreed !== "") {
    expect(agreed).toContain("server_no_context_takeover");
    expect(agreed).toContain("client_no_context_takeover");
  }
  socket.destroy();
});
