import type { Client, ConnectionState } from "@milepost/client";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { doorsWorld } from "./fixtures/doors-world.ts";
import { fastClock } from "./fixtures/fast-clock.ts";
import { startHalfWorkingProxy } from "./fixtures/half-working-proxy.ts";
import { sdkOptions, watch } from "./fixtures/sdk-ways.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const upTo = (total: number) => Array.from({ length: total }, (_, i) => i + 1);

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

describe.each(Object.entries(sdkOptions))("the SDK over %s", (way, options) => {
  test("the SDK reports the transport that its messages use", async () => {
    await using at = await doorsWorld();
    const sockets: WebSocket[] = [];
    const Chosen = ("webSocket" in options ? options.webSocket : WebSocket) as new (
      url: string,
      protocols?: string[],
    ) => WebSocket;
    class Watched extends Chosen {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const client = at.client({ ...options, webSocket: Watched });
    client.connect();
    const [transport] = options.transports;
    expect(await reaches(client, ({ state }) => state === "connected")).toMatchObject({
      transport,
      userId: "7",
      sessionId: "s1",
    });
    expect(client.metrics().transport).toBe(transport);
    const negotiated = sockets.map(({ protocol, extensions }) => [protocol, extensions]);
    const dialect = `milepost.v1.${way.includes("msgpack") ? "msgpack" : "json"}.short`;
    const extensions = way.includes("compressed") ? "permessage-deflate" : "";
    expect(negotiated).toEqual(transport === "websocket" ? [[dialect, extensions]] : []);
    expect(at.gateway.stats().consumers).toMatchObject({
      server_sdk: transport === "poll" ? 0 : 1,
    });
  });

  test("the SDK reads several channels, each from its own starting point, and leaves one again", async () => {
    await using at = await doorsWorld();
    const client = at.client(options);
    for (const n of upTo(3)) await at.gateway.publish("room:a", "tick", n);
    const all = watch(client.channel("room:a"), 4, { since: "start" });
    const last = watch(client.channel("room:a"), 4, { since: { last: 1 } });
    const named = watch(client.channel("room:b"), "b", { events: ["wanted"] });
    await Promise.all([all.ready, last.ready, named.ready]);
    const misled: string[] = [];
    const left = client.channel("room:c").subscribe({ onEvent: () => misled.push("c") });
    await left.ready;
    left.close();
    await at.gateway.publish("room:c", "tick", 0);
    await at.gateway.publish("room:b", "unwanted", "a");
    await at.gateway.publish("room:b", "wanted", "b");
    await at.gateway.publish("room:a", "tick", 4);
    await Promise.all([all.done, last.done, named.done]);
    expect([all.seen, last.seen, named.seen]).toEqual([[1, 2, 3, 4], [3, 4], ["b"]]);
    expect([all.told, last.told, named.told, misled]).toEqual([[], [], [], []]);
  });

  test("the SDK watches an operation, and its command reaches the producer", async () => {
    await using at = await doorsWorld();
    const client = at.client(options);
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

  test("a bad credential closes the client for good, an expiring one is replaced without loss", async () => {
    await using at = await doorsWorld();
    const stranger = at.client({ ...options, token: "nonsense" });
    stranger.connect();
    const closed = await reaches(stranger, ({ state }) => state === "closed");
    expect(closed).toMatchObject({ code: 4401, verdict: "stop" });
    let tokens = 0;
    const client = at.client({
      ...options,
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

  test("clients of a node that closes start to reconnect", async () => {
    await using at = await doorsWorld();
    const client = at.client(options);
    const { ready } = watch(client.channel("room:a"), 1);
    await ready;
    await at.gateway.close();
    expect(await reaches(client, ({ state }) => state === "reconnecting")).toBeDefined();
  });
});

test("[C13] the SDK falls back when WebSockets are refused, and returns to them once they are allowed", async () => {
  await using at = await doorsWorld();
  const { port } = at.gateway.address() ?? { port: 0 };
  await using proxy = await startHalfWorkingProxy(port);
  await using client = at.client({ url: `${proxy.url}/ws`, clock: fastClock(20) });
  const states: string[] = [];
  client.onState((state) =>
    states.push(state.state === "connected" ? state.transport : state.state),
  );
  const total = 2_000;
  const { seen, told, done, ready } = watch(client.channel("room:a"), total);
  await ready;
  expect(client.state).toMatchObject({ state: "connected", transport: "sse" });
  expect(proxy.counts.upgrades).toBe(2);
  // One upgrade attempt in the background fails first, without any visible effect.
  while (proxy.counts.upgrades < 3) await tick();
  const upgraded = reaches(
    client,
    (state) => state.state === "connected" && state.transport === "websocket",
  );
  proxy.treats.upgrades = "pass";
  const replies: Promise<unknown>[] = [];
  let published = 0;
  let isUp = false;
  void upgraded.then(() => {
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

test("[C13] the SDK polls when neither WebSockets nor event streams are allowed", async () => {
  await using at = await doorsWorld();
  const { port } = at.gateway.address() ?? { port: 0 };
  await using proxy = await startHalfWorkingProxy(port);
  await using client = at.client({
    url: `${proxy.url}/ws`,
    fetch: (url, init) =>
      new URL(url).pathname === "/ws/sse"
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
