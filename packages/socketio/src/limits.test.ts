import { request as httpRequest } from "node:http";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createSocketIoBridge } from "./bridge.ts";
import { type BridgedGateway, frontendUrl, startBridged } from "./testing/bridged-gateway.ts";

/** Opens a bare WebSocket of Engine.IO; resolves with the status of a refusal, or the socket. */
async function bare(
  node: BridgedGateway,
  headers: Record<string, string> = {},
): Promise<WebSocket | number> {
  const socket = new WebSocket(`ws://127.0.0.1:${node.port}/socket.io/?EIO=4&transport=websocket`, {
    headers,
  });
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.on("unexpected-response", (request, { statusCode = 0 }) => {
      request.destroy();
      resolve(statusCode);
    });
    socket.once("message", () => resolve(socket));
  });
}

function socketOf(opened: WebSocket | number): WebSocket {
  if (typeof opened === "number") throw new Error(`refused with ${opened}`);
  return opened;
}

/** Keeps 32 MiB, so that no entry is trimmed while a page does not read. */
const roomy = {
  pattern: "user:{user}",
  subscribe: "own-user",
  publish: "granted",
  retention: { maxEntries: 1_000, maxAgeMs: 600_000, maxBytes: 32 * 1_048_576 },
} as const;

const closed = (socket: WebSocket) =>
  new Promise<void>((resolve) => socket.on("close", () => resolve()));

describe("the limits of a bridge", () => {
  test("pages of other origins are refused over WebSocket and polling; the frontend's page and programs are not", async () => {
    await using node = await startBridged();
    const outcome = async (headers: Record<string, string>) => {
      const opened = await bare(node, headers);
      if (typeof opened === "number") return opened;
      opened.close();
      return "open";
    };
    expect(await outcome({ Origin: frontendUrl })).toBe("open");
    expect(await outcome({})).toBe("open");
    for (const Origin of [
      "null",
      "http://localhost:3001",
      "https://localhost:3000",
      "http://localhost:3000.evil.example",
      "http://evil.example/?http://localhost:3000",
      "HTTP://LOCALHOST:3000",
      `http://127.0.0.1:${node.port}`,
    ]) {
      expect([Origin, await outcome({ Origin })]).toEqual([Origin, 400]);
      const polled = await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, {
        headers: { Origin },
      });
      expect([Origin, polled.status]).toEqual([Origin, 403]);
      expect(polled.headers.get("access-control-allow-origin")).not.toBe(Origin);
    }
    const own = await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, {
      headers: { Origin: frontendUrl },
    });
    expect(own.headers.get("access-control-allow-origin")).toBe(frontendUrl);
    expect(own.headers.get("access-control-allow-credentials")).toBe("true");
    const opening = JSON.parse((await own.text()).slice(1));
    expect(opening).toMatchObject({
      pingInterval: 25_000,
      pingTimeout: 60_000,
      maxPayload: 1_048_576,
    });
  });

  test.each(["*", "null", "localhost:3000", "", "file:///a.html"])(
    "the frontend's address %j is refused at the start, with what to write",
    (address) => {
      const bridge = createSocketIoBridge({ url: "http://127.0.0.1:1" });
      expect(() => bridge.initialize({} as never, address)).toThrow(
        /no address of a page; write it like/,
      );
    },
  );

  test("a bridge without a way to a gateway, or with channels that are none, is refused with what is missing", () => {
    expect(() => createSocketIoBridge({})).toThrow(/either gateway, or the url/);
    expect(() => createSocketIoBridge({ url: "nowhere" })).toThrow(/no address of a gateway/);
    expect(() => createSocketIoBridge({ url: "http://127.0.0.1:1", guests: true })).toThrow(
      /apiKey/,
    );
    expect(() => createSocketIoBridge({ url: "http://127.0.0.1:1", channels: ["a b"] })).toThrow(
      /is no channel/,
    );
  });

  test("one connection more than the maximum is refused, in total and of one address", async () => {
    for (const limits of [{ maxConnections: 1 }, { maxConnectionsPerAddress: 1 }]) {
      await using node = await startBridged({ bridge: { limits, addressOf: () => "203.0.113.7" } });
      const first = socketOf(await bare(node));
      expect(await bare(node)).toBe(400);
      expect(node.bridge.stats()).toMatchObject({ connections: 1, refused: { connections: 1 } });
      first.close();
      await expect.poll(() => node.bridge.stats().connections).toBe(0);
      socketOf(await bare(node)).close();
    }
  });

  test("connections that show no credential make room for new ones, and never for those that have shown one", async () => {
    for (const limits of [{ maxUnauthenticated: 2 }, { maxUnauthenticatedPerAddress: 2 }]) {
      await using node = await startBridged({ bridge: { limits, addressOf: () => "203.0.113.7" } });
      const page = node.page({ auth: { token: await node.token("7") } });
      await page.next("milepost:ready");
      const [oldest, second, third] = [
        socketOf(await bare(node)),
        socketOf(await bare(node)),
        socketOf(await bare(node)),
      ];
      await closed(oldest);
      expect([second.readyState, third.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
      expect(page.socket.connected).toBe(true);
      expect(node.bridge.stats().refused.unauthenticated).toBe(1);
      second.close();
      third.close();
    }
  });

  test("a connection that never connects its socket is closed after the time to join", async () => {
    await using node = await startBridged({ bridge: { limits: { joinTimeoutMs: 50 } } });
    await closed(socketOf(await bare(node)));
  });

  test("a message above the maximum size ends its connection, and the page comes back", async () => {
    await using node = await startBridged({ bridge: { limits: { maxMessageBytes: 2_000 } } });
    const page = node.page({ auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    page.socket.emit("client:join", "x".repeat(3_000));
    await page.next("disconnect");
    await page.next("milepost:ready");
    expect(page.socket.recovered).toBe(true);
  });

  test("[P-LIM-2] a page that sends too many messages is told so, and is disconnected if it goes on", async () => {
    await using node = await startBridged({ bridge: { limits: { messagesPerSecond: 5 } } });
    const page = node.page({ auth: { token: await node.token("7") }, reconnection: false });
    await page.next("milepost:ready");
    for (let n = 0; n < 20; n++) page.socket.emit("client:join", "7");
    expect(await page.next("error")).toMatchObject({ code: "rate_limited", retryable: true });
    expect(page.socket.connected).toBe(true);
    for (let n = 0; n < 60; n++) page.socket.emit("client:join", "7");
    await page.next("disconnect");
    expect(node.bridge.stats().refused.rate).toBeGreaterThan(1);
  });

  test("[P-CLOSE-4] a page that does not read stops its connection, and gets everything once it reads again", async () => {
    await using node = await startBridged({ bridge: { limits: { maxWaitingBytes: 1_000 } } });
    const page = node.page({ transports: ["polling"], auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    const total = 300;
    const text = "x".repeat(1_000);
    await Promise.all(
      Array.from({ length: total }, (_, n) => node.gateway.publish("user:7", "step", { n, text })),
    );
    while (page.all("step").length < total) await page.next("step");
    expect(page.all("step").map((data) => (data as { n: number }).n)).toEqual(
      Array.from({ length: total }, (_, n) => n),
    );
    expect(node.bridge.stats().paused).toBeGreaterThan(0);
  });

  test("[G7] [P-CLOSE-4] a page that leaves its WebSocket unread costs a bounded amount, and recovers everything when it reads again", async () => {
    await using node = await startBridged({ gateway: { rules: [roomy] } });
    const page = node.page({ auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    const wire = (
      page.socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } }
    ).ws;
    wire.pause();
    const total = 400;
    const text = "x".repeat(50_000);
    for (let n = 0; n < total; n++) await node.gateway.publish("user:7", "step", { n, text });
    await expect.poll(() => node.bridge.stats().paused).toBeGreaterThan(0);
    for (const { conn } of node.io.sockets.sockets.values()) {
      const { writeBuffer } = conn as unknown as { writeBuffer: { data: string }[] };
      expect(writeBuffer.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThan(1_048_576);
    }
    wire.resume();
    while (page.all("step").length < total) await page.next("step");
    expect(page.all("step").map((data) => (data as { n: number }).n)).toEqual(
      Array.from({ length: total }, (_, n) => n),
    );
    expect(page.socket.recovered).toBe(true);
  });

  test("[P-ADM-7] a page that has gone without a word gives its place to a new one of its user", async () => {
    await using node = await startBridged({
      gateway: { limits: { maxConnectionsPerUser: 1 } },
      bridge: { server: { pingInterval: 50 } },
    });
    const token = await node.token("7");
    const gone = socketOf(await bare(node));
    const connected = new Promise<void>((resolve) =>
      gone.on("message", (data) => String(data).startsWith("40") && resolve()),
    );
    gone.send(`40${JSON.stringify({ token })}`);
    await connected;
    const since = Date.now();
    // It answers no ping of Engine.IO, so it is silent for longer than a client that is there.
    await expect.poll(() => Date.now() - since).toBeGreaterThan(75);
    const page = node.page({ auth: { token } });
    expect(await page.next("milepost:ready")).toMatchObject({ user: "7" });
    await closed(gone);
  });

  test("an upgrade of another path that nobody answers is ended", async () => {
    await using node = await startBridged({ bridge: { server: { destroyUpgradeTimeout: 1 } } });
    const ended = await new Promise((resolve) => {
      const upgrade = httpRequest(`${node.url}/elsewhere`, {
        headers: { Connection: "Upgrade", Upgrade: "websocket" },
      });
      upgrade.on("error", resolve);
      upgrade.end();
    });
    expect(ended).toMatchObject({ code: "ECONNRESET" });
  });
});
