import {
  type Channel,
  type Client,
  type ClientOptions,
  type ConnectionState,
  createClient,
  type TransportName,
} from "@milepost/client";
import { createGateway, type Gateway, type GatewayOptions } from "@milepost/server";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type CuttableProxy, startCuttableProxy } from "./fixtures/cuttable-proxy.ts";
import { fastClock } from "./fixtures/fast-clock.ts";
import { startUpgradeBlocker } from "./fixtures/upgrade-blocker.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const upTo = (total: number) => Array.from({ length: total }, (_, i) => i + 1);

interface World extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly proxy: CuttableProxy;
  client(options?: Partial<ClientOptions>): Client;
  token(content?: object): Promise<string>;
}

async function world(
  transports: readonly TransportName[],
  options: Partial<GatewayOptions> = {},
): Promise<World> {
  const gateway = createGateway({
    auth: { tokenSecret: "s".repeat(48), apiKeys: [] },
    rules: [
      {
        pattern: "short:{room}",
        subscribe: "authenticated",
        publish: "granted",
        retention: { maxEntries: 5, maxAgeMs: 60_000 },
      },
      {
        pattern: "latest:{room}",
        subscribe: "authenticated",
        publish: "granted",
        retention: { maxEntries: 5, maxAgeMs: 60_000 },
        projection: { name: "latest" },
      },
    ],
    ...options,
  });
  const { port } = await gateway.listen({ port: 0 });
  const proxy = await startCuttableProxy(() => port);
  const clients: Client[] = [];
  const token = (content = {}) =>
    gateway.mintToken({
      user: "7",
      session: "s1",
      channels: { subscribe: ["room:*"], publish: ["room:*"] },
      ...content,
    });
  return {
    gateway,
    proxy,
    token,
    client(more = {}) {
      const client = createClient({
        url: `${proxy.url}/ws`,
        token: () => token(),
        transports,
        webSocket: WebSocket,
        backoff: { minMs: 5, maxMs: 40 },
        onError: () => {},
        ...more,
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      await gateway.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

function reaches(
  client: Client,
  holds: (state: ConnectionState) => boolean,
): Promise<ConnectionState> {
  return new Promise((resolve) => {
    if (holds(client.state)) {
      resolve(client.state);
      return;
    }
    const stop = client.onState((state) => {
      if (!holds(state)) return;
      stop();
      resolve(state);
    });
  });
}

/** Reads a channel's numbers until `last`, and everything that was told of it besides. */
function watch(channel: Channel, last: unknown, options?: Parameters<Channel["subscribe"]>[1]) {
  const seen: unknown[] = [];
  const told: string[] = [];
  let ready: Promise<unknown> = Promise.resolve();
  const done = new Promise<void>((resolve) => {
    ready = channel.subscribe(
      {
        onEvent: ({ data }) => {
          seen.push(data);
          if (data === last) resolve();
        },
        onGap: ({ reason }) => told.push(`gap ${reason}`),
        onReset: () => {
          told.push("reset");
          resolve();
        },
        onError: (error) => {
          told.push(error.code);
          resolve();
        },
      },
      options,
    ).ready;
  });
  return { seen, told, done, ready };
}

describe.each(["websocket", "sse", "poll"] as const)("the SDK over %s", (transport) => {
  test("says how its messages travel", async () => {
    await using at = await world([transport]);
    const client = at.client();
    client.connect();
    expect(await reaches(client, ({ state }) => state === "connected")).toMatchObject({
      transport,
      userId: "7",
      sessionId: "s1",
    });
    expect(client.metrics().transport).toBe(transport);
  });

  test("[G3] [G4] through ten cuts gives each entry once and in order, and nothing is lost", async () => {
    await using at = await world([transport]);
    const client = at.client();
    const total = 300;
    const { seen, told, done, ready } = watch(client.channel("room:a"), total);
    await ready;
    for (let n = 1; n <= total; n++) {
      await at.gateway.publish("room:a", "tick", n);
      if (n % 30 === 15) at.proxy.cut();
      await tick();
    }
    await done;
    expect([seen, told]).toEqual([upTo(total), []]);
    expect(client.metrics().reconnects).toBeGreaterThan(0);
  });

  test("publishes through a line that is cut arrive once each and in order", async () => {
    await using at = await world([transport]);
    const writer = at.client();
    const total = 60;
    const published: Promise<unknown>[] = [];
    for (let n = 1; n <= total; n++) {
      published.push(writer.channel("room:b").publish("tick", n));
      if (n % 20 === 10) at.proxy.cut();
      await tick();
    }
    await Promise.all(published);
    const { seen, done } = watch(at.client().channel("room:b"), total, { since: "start" });
    await done;
    expect(seen).toEqual(upTo(total));
    const again = { key: "k" };
    const first = await writer.channel("room:c").publish("tick", 1, again);
    const second = await writer.channel("room:c").publish("tick", 2, again);
    expect(second).toEqual({ ...first, duplicate: true });
  });

  test("several channels, each from where it wants, and given up again", async () => {
    await using at = await world([transport]);
    const client = at.client();
    for (const n of upTo(3)) await at.gateway.publish("room:a", "tick", n);
    const all = watch(client.channel("room:a"), 4, { since: "start" });
    const last = watch(client.channel("room:a"), 4, { since: { last: 1 } });
    const named = watch(client.channel("room:b"), "b", { events: ["wanted"] });
    await Promise.all([all.ready, last.ready, named.ready]);
    const left = client.channel("room:c").subscribe({ onEvent: () => all.told.push("c") });
    await left.ready;
    left.close();
    await at.gateway.publish("room:c", "tick", 0);
    await at.gateway.publish("room:b", "unwanted", "a");
    await at.gateway.publish("room:b", "wanted", "b");
    await at.gateway.publish("room:a", "tick", 4);
    await Promise.all([all.done, last.done, named.done]);
    expect([all.seen, last.seen, named.seen]).toEqual([[1, 2, 3, 4], [3, 4], ["b"]]);
    expect([all.told, last.told, named.told]).toEqual([[], [], []]);
  });

  test("a hole is told: as a gap, or as the state instead", async () => {
    await using at = await world([transport]);
    const client = at.client();
    const short = watch(client.channel("short:a"), 20);
    const latest = watch(client.channel("latest:a"), "never");
    await Promise.all([short.ready, latest.ready]);
    at.proxy.block();
    at.proxy.cut();
    await reaches(client, ({ state }) => state !== "connected");
    for (const n of upTo(20)) {
      await at.gateway.publish("short:a", "tick", n);
      await at.gateway.publish("latest:a", "tick", n);
    }
    at.proxy.restore();
    await Promise.all([short.done, latest.done]);
    expect([short.seen, short.told]).toEqual([[16, 17, 18, 19, 20], ["gap trimmed"]]);
    expect([latest.seen, latest.told.at(-1)]).toEqual([[], "reset"]);
  });

  test("an operation is watched, and a command reaches its producer", async () => {
    await using at = await world([transport]);
    const client = at.client();
    const { operation, lease } = await at.gateway.operations.create({
      kind: "index",
      operation_id: "9",
      user_id: "7",
      session_id: "s1",
    });
    const handle = client.operation(operation.id);
    const showing = (status: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (handle.view.kind === "ready" && handle.view.state.status === status) resolve();
        };
        handle.subscribe(look);
        look();
      });
    await showing("waiting");
    await at.gateway.operations.report("9", {
      lease: lease.token,
      events: [{ event: "started", data: {} }],
    });
    await showing("running");
    const cancelled = handle.cancel();
    const [command] = await at.gateway.operations.pendingCommands({ operation: "9" }, 10_000);
    const phase = (event: string, data: object) =>
      at.gateway.operations.report("9", { lease: lease.token, events: [{ event, data }] });
    const told = { command_id: command?.command_id, command: "cancel" };
    await phase("command", { ...told, phase: "acknowledged" });
    await phase("command", { ...told, phase: "done" });
    await phase("cancelled", {});
    await cancelled;
    await showing("cancelled");
  });

  test("what is refused is refused with its code, and harms nothing", async () => {
    await using at = await world([transport]);
    const client = at.client();
    await expect(client.request("no.such")).rejects.toMatchObject({ code: "unknown_method" });
    await expect(client.channel("user:8").publish("tick", 1)).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(client.channel("room:a").publish("reply", 1)).rejects.toMatchObject({
      code: "invalid_event",
    });
    const foreign = watch(client.channel("user:8"), 1);
    await foreign.ready.catch(() => {});
    await foreign.done;
    expect(foreign.told).toEqual(["forbidden"]);
    const own = watch(client.channel("room:a"), 1);
    await own.ready;
    await client.channel("room:a").publish("tick", 1);
    await own.done;
    const page = await client.request("history.get", { channel: "room:a" });
    expect(page).toMatchObject({ entries: [{ data: 1 }] });
  });

  test("a bad credential closes for good, one that ends is replaced and nothing missed", async () => {
    await using at = await world([transport]);
    const stranger = at.client({ token: "nonsense" });
    stranger.connect();
    const closed = await reaches(stranger, ({ state }) => state === "closed");
    expect(closed).toMatchObject({ code: 4401, verdict: "stop" });
    let tokens = 0;
    const client = at.client({
      token: () => {
        tokens++;
        return at.token({ ttlMs: 1_500 });
      },
    });
    const { seen, told, done, ready } = watch(client.channel("room:a"), 8);
    await ready;
    for (const n of upTo(8)) {
      const before = tokens;
      await at.gateway.publish("room:a", "tick", n);
      while (n % 4 === 0 && tokens === before) await tick();
    }
    await done;
    expect([seen, told]).toEqual([upTo(8), []]);
    expect(tokens).toBeGreaterThan(1);
  });

  test("a node that goes away lets go of its clients, who wait for another", async () => {
    await using at = await world([transport]);
    const client = at.client();
    const { ready } = watch(client.channel("room:a"), 1);
    await ready;
    await at.gateway.close();
    expect(await reaches(client, ({ state }) => state === "reconnecting")).toBeDefined();
  });
});

test("[C13] where WebSockets are refused the SDK falls back, and climbs back once they are let through", async () => {
  await using at = await world(["websocket", "sse", "poll"]);
  const { port } = at.gateway.address() ?? { port: 0 };
  await using blocker = await startUpgradeBlocker(port);
  await using client = at.client({ url: `${blocker.url}/ws`, clock: fastClock(20) });
  const states: string[] = [];
  client.onState((state) =>
    states.push(state.state === "connected" ? state.transport : state.state),
  );
  const total = 2_000;
  const { seen, told, done, ready } = watch(client.channel("room:a"), total);
  await ready;
  expect(client.state).toMatchObject({ state: "connected", transport: "sse" });
  expect(blocker.refused).toBe(2);
  // One attempt in the background fails first, and nobody notices.
  while (blocker.refused < 3) await tick();
  const climbed = reaches(
    client,
    (state) => state.state === "connected" && state.transport === "websocket",
  );
  blocker.letThrough();
  const replies: Promise<unknown>[] = [];
  let published = 0;
  let isUp = false;
  void climbed.then(() => {
    isUp = true;
  });
  while (!isUp || published < total) {
    if (published < total - 1 || isUp) {
      published++;
      await at.gateway.publish("room:a", "tick", published);
      if (published % 50 === 0) replies.push(client.channel("room:b").publish("tick", published));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await done;
  const written = await Promise.all(replies);
  expect(written.filter((reply) => (reply as { duplicate: boolean }).duplicate)).toEqual([]);
  expect([seen, told]).toEqual([upTo(total), []]);
  expect(states.slice(states.indexOf("sse"))).toEqual(["sse", "websocket"]);
  expect(client.metrics().transport).toBe("websocket");
}, 60_000);

test("[C13] where streams do not get through either it polls", async () => {
  await using at = await world(["websocket", "sse", "poll"]);
  const { port } = at.gateway.address() ?? { port: 0 };
  await using blocker = await startUpgradeBlocker(port);
  await using client = at.client({
    url: `${blocker.url}/ws`,
    fetch: (url, init) =>
      new URL(url).pathname === "/v1/sse"
        ? Promise.resolve(new Response("not here", { status: 403 }))
        : fetch(url, init),
  });
  const { seen, done, ready } = watch(client.channel("room:a"), 3);
  await ready;
  expect(client.state).toMatchObject({ transport: "poll" });
  for (const n of upTo(3)) await client.channel("room:a").publish("tick", n);
  await done;
  expect(seen).toEqual(upTo(3));
});
