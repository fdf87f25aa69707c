import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway, type GatewayOptions } from "@milepost/server";
import { describe, expect, test } from "vitest";
import { createSocketIoBridge, type SocketIoBridge } from "./bridge.ts";
import type { BridgeOptions } from "./bridge-options.ts";
import { apiKey, frontendUrl, type Kept, Page, tokenSecret } from "./testing/bridged-gateway.ts";

interface Elsewhere extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly bridge: SocketIoBridge;
  page(auth: object): Page;
}

/** Starts a bridge with a server of its own, in front of a gateway with another one. */
async function startElsewhere(
  options: Partial<GatewayOptions>,
  bridgeOptions: Omit<BridgeOptions, "url"> = {},
): Promise<Elsewhere> {
  const gateway = createGateway({
    log: { info() {}, warn() {}, error() {} },
    auth: {
      tokenSecret,
      apiKeys: [{ name: "bridge", key: apiKey, scopes: ["tickets"] }],
    },
    ...options,
  });
  const { port } = await gateway.listen({ port: 0 });
  const bridge = createSocketIoBridge({ url: `http://127.0.0.1:${port}`, ...bridgeOptions });
  const server = createServer();
  bridge.initialize(server, [frontendUrl, "https://studio.example.com/page"]);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pages: Page[] = [];
  return {
    gateway,
    bridge,
    page(auth) {
      const page = new Page(url, { auth });
      pages.push(page);
      return page;
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of pages) socket.disconnect();
      await bridge.close();
      await gateway.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

describe("a bridge in front of a gateway elsewhere", () => {
  test("pages with a token and guests get what is published at the gateway, with a key that may issue tickets alone", async () => {
    await using way = await startElsewhere({ guests: true }, { guests: true, apiKey });
    const page = way.page({ token: await way.gateway.mintToken({ user: "7" }) });
    const guest = way.page({});
    await page.next("milepost:ready");
    await guest.next("connect");
    expect(await guest.socket.emitWithAck("client:join", "user_17")).toMatchObject({
      userId: "guest:user_17",
    });
    await way.gateway.publish("user:7", "hello", 1);
    await way.gateway.publish("guest:user_17", "hello", 2);
    expect([await page.next("hello"), await guest.next("hello")]).toEqual([1, 2]);
    expect(way.bridge.getConnectedUsersCount()).toBe(2);
  });

  test("a guest is told the gateway's reason where the gateway admits none, or the key may not name one", async () => {
    await using closed = await startElsewhere({}, { guests: true, apiKey });
    await using scoped = await startElsewhere(
      { guests: true },
      { guests: true, apiKey: "another" },
    );
    for (const [way, code] of [
      [closed, "not_supported"],
      [scoped, "unauthenticated"],
    ] as const) {
      const page = way.page({});
      await page.next("connect");
      expect((await page.socket.emitWithAck("client:join", "user_17")).error.code).toBe(code);
      expect(await page.next("error")).toMatchObject({ code });
    }
  });

  test("a gateway that asks for an Origin and a Host gets those of the option headers, and counts the client's address", async () => {
    const strict = {
      missingOrigin: "refuse",
      allowedOrigins: ["https://studio.example.com"],
      allowedHosts: ["gateway.example.com"],
      trustedProxies: ["loopback"],
      limits: { maxConnectionsPerAddress: 1 },
    } as const;
    const headers = { Origin: "https://studio.example.com", Host: "gateway.example.com" };
    await using way = await startElsewhere(strict, { headers, forwardAddress: true });
    const page = way.page({ token: await way.gateway.mintToken({ user: "7" }) });
    expect(await page.next("milepost:ready")).toMatchObject({ user: "7" });
    await using refused = await startElsewhere(strict);
    const other = refused.page({ token: await refused.gateway.mintToken({ user: "7" }) });
    expect((await other.next("connect_error")).data).toMatchObject({ code: "forbidden" });
  });

  test("a page reconnects by itself while the gateway is away, and recovers when it is back", async () => {
    await using way = await startElsewhere({});
    const page = way.page({ token: await way.gateway.mintToken({ user: "7" }) });
    await page.next("milepost:ready");
    const { port = 0 } = way.gateway.address() ?? {};
    let attempts = 0;
    page.socket.io.on("reconnect_attempt", () => {
      attempts += 1;
    });
    await way.gateway.close();
    await page.next("disconnect");
    // The bridge has turned the page away at least once when it tries again.
    await expect.poll(() => attempts).toBeGreaterThan(2);
    expect(page.all("connect_error")).toEqual([]);
    expect(page.socket.active).toBe(true);
    const again = createGateway({
      log: { info() {}, warn() {}, error() {} },
      auth: { tokenSecret },
    });
    await again.listen({ port });
    expect(await page.next("milepost:ready")).toMatchObject({ user: "7" });
    await again.publish("user:7", "hello", 1);
    expect(await page.next("hello")).toBe(1);
    page.socket.disconnect();
    await again.close();
  });
});

test("[P-ADM-8] a page that comes back by another bridge before its old connection was missed takes its place", async () => {
  await using first = await startElsewhere({ limits: { maxConnectionsPerUser: 1 } });
  const { port = 0 } = first.gateway.address() ?? {};
  const bridge = createSocketIoBridge({ url: `http://127.0.0.1:${port}` });
  const server = createServer();
  bridge.initialize(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const token = await first.gateway.mintToken({ user: "7" });
  const page = first.page({ token });
  await page.next("milepost:ready");
  const { _pid: pid, _lastOffset: offset } = page.socket as unknown as Kept;
  const again = new Page(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    auth: { token, pid, offset },
  });
  expect(await again.next("milepost:ready")).toMatchObject({ recovered: true });
  await page.next("disconnect");
  page.socket.disconnect();
  again.socket.disconnect();
  await bridge.close();
  server.close();
});

test("the meter of a gateway records the numbers of its bridge, under names of their own", async () => {
  const recorded = new Map<string, number>();
  const meter = {
    counter: (name: string) => ({
      with: (labels: Readonly<Record<string, string>>) => ({
        add(count: number) {
          const key = `${name} ${Object.values(labels).join()}`;
          recorded.set(key, (recorded.get(key) ?? 0) + count);
        },
      }),
    }),
    gauge: (name: string, _: string, read?: () => number) => recorded.set(name, read?.() ?? -1),
  };
  await using way = await startElsewhere({}, { meter });
  const page = way.page({ token: "wrong" });
  await page.next("connect_error");
  expect(Object.fromEntries(recorded)).toEqual({
    milepost_socketio_connections: 0,
    milepost_socketio_users: 0,
    "milepost_socketio_refused_total credential": 1,
  });
});
