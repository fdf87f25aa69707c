import { type ClientClock, createClient, type TransportName } from "@milepost/client";
import { shareLatency } from "@milepost/client/latency";
import { connectRedis, redisEngine } from "@milepost/redis";
import { startRedis } from "@milepost/redis/testing";
import { createGateway } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";

const apiKey = "key-of-the-latency-test-0123456789";

/** The clock of a machine that is a day behind, and on which waits of 10 s and more end when the test says so. */
function machine() {
  const waiting: (() => void)[] = [];
  const clock: ClientClock = {
    now: () => Date.now() - 86_400_000,
    monotonic: () => performance.now() + 1e9,
    after: (delayMs, callback) => {
      if (delayMs < 9_900) {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      }
      waiting.push(callback);
      return () => {
        const at = waiting.indexOf(callback);
        if (at >= 0) waiting.splice(at, 1);
      };
    },
  };
  return {
    clock,
    ring: () => {
      for (const callback of waiting.splice(0)) callback();
    },
  };
}

/** Returns the counts of the histogram: how many ages there are, and their sum in milliseconds. */
async function measured(port: number): Promise<{ count: number; sum: number }> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  const text = await response.text();
  const value = (name: string) =>
    Number(
      new RegExp(`^milepost_publish_to_client_milliseconds_${name} (\\S+)$`, "m").exec(text)?.[1],
    );
  return { count: value("count"), sum: value("sum") };
}

async function until<T>(look: () => Promise<T>, holds: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await look();
    if (holds(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.each<[TransportName, string]>([
  ["websocket", "memory"],
  ["sse", "memory"],
  ["websocket", "redis"],
])(
  "[P-LAT-1] [P-LAT-2] [P-LAT-4] ages that a page measures over %s reach the histogram, whatever its clock, with the store %s",
  async (transport, store) => {
    await using redis = store === "redis" ? await startRedis() : undefined;
    await using gateway = createGateway({
      auth: { tokenSecret: "s".repeat(48), apiKeys: [{ name: "all", key: apiKey }] },
      ...(redis && { engine: redisEngine(await connectRedis({ url: redis.url })) }),
    });
    const { port } = await gateway.listen({ port: 0 });
    const { clock, ring } = machine();
    await using client = createClient({
      url: `http://127.0.0.1:${port}/ws`,
      token: () => gateway.mintToken({ user: "ada", channels: { subscribe: ["chat:*"] } }),
      transports: [transport],
      webSocket: WebSocket,
      clock,
    });
    shareLatency(client, { share: 1 });
    const seen: unknown[] = [];
    const onEvent = ({ data }: { data: unknown }) => seen.push(data);
    await client.channel("chat:1").subscribe({ onEvent }).ready;
    const { count, sum } = await until(
      async () => {
        await gateway.publish("chat:1", "note", "live");
        ring();
        return measured(port);
      },
      (found) => found.count > 0,
    );
    expect(count).toBeLessThanOrEqual(seen.length);
    expect(sum / count).toBeGreaterThanOrEqual(0);
    // The clocks are a day apart. On one machine an entry is under way for milliseconds.
    expect(sum / count).toBeLessThan(5_000);
  },
);
