import { type Client, createClient } from "@milepost/client";
import { msgpack } from "@milepost/client/msgpack";
import { stream, upload } from "@milepost/client/streams";
import { createGateway, type Gateway, type Methods } from "@milepost/server";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startCuttableProxy } from "./fixtures/cuttable-proxy.ts";

/** Returns methods for the tests, with counts of what they did. */
function watched() {
  const seen = { pulled: 0, closed: 0, read: 0, peak: 0 };
  const methods: Methods = {
    echo: {
      input: true,
      async *handler(_, { input }) {
        let pieces = 0;
        for await (const piece of input) {
          pieces++;
          yield piece;
        }
        return pieces;
      },
    },
    endless: {
      async *handler() {
        try {
          for (;;) {
            seen.pulled++;
            yield "x".repeat(10_000);
          }
        } finally {
          seen.closed++;
        }
      },
    },
    size: {
      input: true,
      async handler(_, { input }) {
        let bytes = 0;
        for await (const piece of input) bytes += atob(String(piece)).length;
        return bytes;
      },
    },
  };
  return { seen, methods };
}

async function served(methods: Methods) {
  const gateway = createGateway({ auth: { tokenSecret: "s".repeat(48), apiKeys: [] }, methods });
  const { port } = await gateway.listen({ port: 0 });
  return { gateway, port };
}

const ways = {
  "a WebSocket": { transports: ["websocket"], webSocket: WebSocket },
  "a WebSocket with msgpack": { transports: ["websocket"], webSocket: WebSocket, codec: msgpack },
  "server-sent events": { transports: ["sse"] },
} as const;

function clientOf(gateway: Gateway, port: number, way: object): Client {
  return createClient({
    url: `http://127.0.0.1:${port}/ws`,
    token: () => gateway.mintToken({ user: "7" }),
    backoff: { minMs: 5, maxMs: 40 },
    ...way,
  });
}

describe.each(Object.entries(ways))("streams over %s", (_, way) => {
  test("[P-CHUNK-1] [P-CHUNK-4] chunks that a client sends come back unchanged and in order", async () => {
    const { gateway, port } = await served(watched().methods);
    await using _gateway = gateway;
    await using client = clientOf(gateway, port, way);
    const text = Array.from({ length: 60_000 }, (_, i) => `line ${i} é😀\n`).join("");
    const pieces: string[] = [];
    const echo = stream<string, number>(client, "echo", undefined, { source: text });
    for (;;) {
      const { done, value } = await echo.next();
      if (done === true) {
        expect(value).toBe(pieces.length);
        break;
      }
      pieces.push(value);
    }
    expect(pieces.length).toBeGreaterThan(20);
    expect(pieces.join("")).toBe(text);
    const bytes = new Uint8Array(3_000_000).fill(7);
    expect(await upload(client, "size", undefined, bytes)).toBe(bytes.length);
  });

  test("[P-CHUNK-2] [P-CHUNK-6] a reader that stops reading pauses the method, and leaving the loop closes it", async () => {
    const { seen, methods } = watched();
    const { gateway, port } = await served(methods);
    await using _gateway = gateway;
    await using client = clientOf(gateway, port, way);
    let count = 0;
    for await (const item of stream(client, "endless")) {
      expect(item).toHaveLength(10_000);
      count++;
      if (count < 100) continue;
      // Other requests are served meanwhile; twenty round trips give the method enough time to run ahead.
      for (let i = 0; i < 20; i++) await client.request("operations.list");
      break;
    }
    expect(seen.pulled).toBeLessThan(count + 60);
    await client.request("operations.list");
    expect(seen.closed).toBe(1);
  });
});

test("[P-CHUNK-7] streams and uploads over long-poll are rejected with not_supported", async () => {
  const { gateway, port } = await served(watched().methods);
  await using _gateway = gateway;
  await using client = clientOf(gateway, port, { transports: ["poll"] });
  await expect(stream(client, "endless").next()).rejects.toMatchObject({ code: "not_supported" });
  await expect(upload(client, "size", undefined, "a")).rejects.toMatchObject({
    code: "not_supported",
  });
});

test("[P-CHUNK-8] a stream whose connection is cut ends with a retryable error, and a second stream works", async () => {
  const { seen, methods } = watched();
  const { gateway, port } = await served(methods);
  await using _gateway = gateway;
  await using proxy = await startCuttableProxy(() => port);
  await using client = createClient({
    url: `${proxy.url}/ws`,
    token: () => gateway.mintToken({ user: "7" }),
    webSocket: WebSocket,
    transports: ["websocket"],
    backoff: { minMs: 5, maxMs: 40 },
  });
  const cut = (async () => {
    let count = 0;
    for await (const _ of stream(client, "endless")) if (++count === 50) proxy.cut();
  })();
  await expect(cut).rejects.toMatchObject({ code: "timed_out", retryable: true });
  const again = stream(client, "endless");
  expect(await again.next()).toMatchObject({ done: false });
  await again.return?.();
  await client.request("operations.list");
  expect(seen.closed).toBe(2);
});
