import { createClient } from "@milepost/client";
import { createGateway, type Gateway } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { type CuttableProxy, startCuttableProxy } from "./fixtures/cuttable-proxy.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

async function behindProxy(): Promise<{ gateway: Gateway; proxy: CuttableProxy }> {
  const gateway = createGateway({ auth: { tokenSecret: "s".repeat(48), apiKeys: [] } });
  const { port } = await gateway.listen({ port: 0 });
  return { gateway, proxy: await startCuttableProxy(() => port) };
}

function clientOf(proxy: CuttableProxy, gateway: Gateway, user: string) {
  return createClient({
    url: `${proxy.url}/ws`,
    token: () =>
      gateway.mintToken({ user, channels: { subscribe: ["room:*"], publish: ["room:*"] } }),
    webSocket: WebSocket,
    // The backoff is short so that ten cuts take a second; it keeps its jitter.
    backoff: { minMs: 5, maxMs: 40 },
  });
}

test("[G3] [G4] the SDK delivers each entry once and in order through ten cuts", async () => {
  const { gateway, proxy } = await behindProxy();
  await using _gateway = gateway;
  await using _proxy = proxy;
  await using client = clientOf(proxy, gateway, "reader");
  const total = 500;
  const seen: number[] = [];
  const broken: string[] = [];
  const all = new Promise<void>((resolve) => {
    const subscription = client.channel("room:a").subscribe({
      onEvent: ({ data }) => {
        seen.push(data as number);
        if (data === total) resolve();
      },
      onGap: () => broken.push("gap"),
      onReset: () => broken.push("reset"),
      onError: (error) => broken.push(String(error)),
    });
    void subscription.ready.then(async () => {
      for (let n = 1; n <= total; n++) {
        await gateway.publish("room:a", "tick", n);
        if (n % 50 === 25) proxy.cut();
        await tick();
      }
    });
  });
  await all;
  expect(broken).toEqual([]);
  expect(seen).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  expect(client.metrics().reconnects).toBeGreaterThan(0);
});

test("[G3] publishes over a connection that is cut are stored once each and in order", async () => {
  const { gateway, proxy } = await behindProxy();
  await using _gateway = gateway;
  await using _proxy = proxy;
  await using client = clientOf(proxy, gateway, "writer");
  const total = 100;
  const published: Promise<unknown>[] = [];
  for (let n = 1; n <= total; n++) {
    published.push(client.channel("room:b").publish("tick", n));
    if (n % 20 === 10) proxy.cut();
    await tick();
  }
  await Promise.all(published);
  await using reader = clientOf(proxy, gateway, "reader");
  const seen: unknown[] = [];
  for await (const { data } of reader.channel("room:b").events({ since: "start" })) {
    seen.push(data);
    if (data === total) break;
  }
  expect(seen).toEqual(Array.from({ length: total }, (_, i) => i + 1));
});
