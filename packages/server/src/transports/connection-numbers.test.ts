import { describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const limits = { maxConnectionsPerUser: 2, maxConnectionsPerSession: 2 };
const stream = async (server: TestGateway) =>
  TestStream.open(`${server.url}/v1/sse?channels=chat:1`, { token: await server.token() });
const poll = async (server: TestGateway, wait = 0) =>
  server.call("GET", `/v1/poll?channels=chat:1&wait=${wait}`, { credential: await server.token() });

describe("the number of a user", () => {
  test("[P-ADM-6] WebSockets, streams and polls count together, and each door refuses in its own way", async () => {
    await using server = await startGateway({ limits });
    const first = await server.socket("/ws/chat/1");
    const second = await stream(server);
    await second.nextOf("subscribed");
    const [socket, feed, more, polled] = await Promise.all([
      server.socket(),
      server.socket("/ws/progress/s1"),
      stream(server),
      poll(server),
    ]);
    expect(await socket.closed).toEqual({
      code: 4409,
      reason: "too many connections of this user",
    });
    expect(socket.arrived).toEqual([]);
    expect(await feed.closed).toEqual({ code: 1008, reason: "Too many connections" });
    expect(await more.next()).toMatchObject({ type: "close", code: 4409 });
    const retry = Number([...more.raw.matchAll(/^retry: (\d+)$/gm)].at(-1)?.[1]);
    expect(retry).toBeGreaterThanOrEqual(30_000);
    expect(polled).toMatchObject({
      status: 503,
      body: { code: "too_many_connections", retry_after_ms: 30_000 },
    });
    expect(first.ws.readyState).toBe(first.ws.OPEN);
    second.cut();
    await expect.poll(async () => (await poll(server)).status).toBe(200);
  });

  test("[P-ADM-7] a reload beside a socket whose peer is gone is not refused", async () => {
    await using server = await startGateway({ limits: { maxConnectionsPerUser: 1 } });
    const gone = await server.socket();
    await gone.nextOf("welcome");
    // The peer neither reads nor answers pings, as after its network was lost.
    gone.ws.pause();
    const next = await server.socket();
    expect(await next.next()).toMatchObject({ type: "welcome" });
    gone.terminate();
  });

  test("[P-ADM-8] a stream whose client changes to a WebSocket does not count against it", async () => {
    await using server = await startGateway({ limits: { maxConnectionsPerUser: 1 } });
    const before = await stream(server);
    await before.nextOf("subscribed");
    const next = await server.socket("/ws?upgrade=1");
    expect(await next.next()).toMatchObject({ type: "welcome" });
    const more = await server.socket("/ws?upgrade=1");
    expect(await more.closed).toMatchObject({ code: 4409 });
    before.cut();
  });

  test("[P-ADM-6] of a thousand sockets that one token opens at once, as many are open as its user may have", async () => {
    await using server = await startGateway();
    const token = await server.gateway.mintToken({ user: "7" });
    const sockets = await Promise.all(
      Array.from({ length: 1_000 }, () => server.socket("/ws", { token })),
    );
    let refused = 0;
    for (const socket of sockets)
      void socket.closed.then(({ code }) => (refused += code === 4409 ? 1 : 0));
    await expect.poll(() => refused, { timeout: 20_000 }).toBe(990);
    const other = await server.socket("/ws", {
      token: await server.gateway.mintToken({ user: "8" }),
    });
    expect(await other.next()).toMatchObject({ type: "welcome" });
    expect(server.gateway.stats()).toMatchObject({ connections: 11, refused: { user: 990 } });
  }, 40_000);
});
