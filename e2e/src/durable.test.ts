import { type ChannelEvent, createClient, type TransportName } from "@milepost/client";
import { durable } from "@milepost/client/durable";
import { createGateway } from "@milepost/server";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startCuttableProxy } from "./fixtures/cuttable-proxy.ts";

const total = 200;
const rules = [
  {
    pattern: "job:*",
    subscribe: "granted",
    publish: "granted",
    retention: { maxEntries: 1_000, maxAgeMs: 3_600_000 },
    durable: { ackWaitMs: 2_000, maxAttempts: 50 },
  },
] as const;

async function world(transport: TransportName) {
  const gateway = createGateway({ auth: { tokenSecret: "s".repeat(48), apiKeys: [] }, rules });
  const { port } = await gateway.listen({ port: 0 });
  const proxy = await startCuttableProxy(() => port);
  const client = createClient({
    url: `${proxy.url}/ws`,
    transports: [transport],
    token: () => gateway.mintToken({ user: "7", channels: { subscribe: ["job:*"], publish: [] } }),
    webSocket: WebSocket,
    backoff: { minMs: 5, maxMs: 40 },
  });
  return { gateway, proxy, client };
}

describe("a durable subscriber of the SDK over a real connection", () => {
  test.each(["websocket", "sse"] as const)(
    "[P-ACK-4] [P-ACK-10] [G11] a handler over %s gets every entry through six cuts, and a refused entry again",
    async (transport) => {
      const { gateway, proxy, client } = await world(transport);
      await using _gateway = gateway;
      await using _proxy = proxy;
      await using _client = client;
      const done = new Set<unknown>();
      const refused = new Set<unknown>();
      const subscriber = durable(client.channel("job:a"), "worker", { since: "start" });
      const all = new Promise<void>((resolve, reject) => {
        const handler = ({ data }: ChannelEvent) => {
          if (Number(data) % 50 === 0 && !refused.has(data)) {
            refused.add(data);
            throw new Error("not yet");
          }
          done.add(data);
          if (Number(data) % 35 === 0) proxy.cut();
          if (done.size === total) resolve();
        };
        subscriber.handle(handler).catch(reject);
      });
      for (let n = 1; n <= total; n++) await gateway.publish("job:a", "n", n);
      await all;
      // The SDK acknowledges the entry of the last handler in the turn after the handler returns.
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect(refused.size).toBe(4);
      await subscriber.close();
      // Every entry is acknowledged, so the next holder receives only new entries.
      const next = durable(client.channel("job:a"), "worker");
      const first = next.next();
      await gateway.publish("job:a", "n", "new");
      expect((await first).value?.event.data).toBe("new");
      await next.close();
    },
    60_000,
  );

  test("[P-ACK-10] a durable subscriber over long-poll is refused with not_supported", async () => {
    const { gateway, proxy, client } = await world("poll" as TransportName);
    await using _gateway = gateway;
    await using _proxy = proxy;
    await using _client = client;
    const subscriber = durable(client.channel("job:a"), "worker");
    await expect(subscriber.next()).rejects.toMatchObject({ code: "not_supported" });
  });
});
