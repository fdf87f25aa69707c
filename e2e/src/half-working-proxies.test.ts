import type { Client, ConnectionState, TransportName } from "@milepost/client";
import { expect, test } from "vitest";
import { type DoorsWorld, doorsWorld } from "./fixtures/doors-world.ts";
import { fastClock } from "./fixtures/fast-clock.ts";
import { type HalfWorkingProxy, startHalfWorkingProxy } from "./fixtures/half-working-proxy.ts";
import { watch } from "./fixtures/sdk-ways.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

/** Starts a proxy before the gateway of `at`, and a client whose seconds pass ten times as fast. */
async function behind(at: DoorsWorld, treats: HalfWorkingProxy["treats"]) {
  const { port } = at.gateway.address() ?? { port: 0 };
  const proxy = await startHalfWorkingProxy(port, treats);
  const client = at.client({ url: `${proxy.url}/ws`, clock: fastClock(10) });
  return { proxy, client };
}

const isOver = (transport: TransportName) => (state: ConnectionState) =>
  state.state === "connected" && state.transport === transport;

async function reach(client: Client, holds: (state: ConnectionState) => boolean): Promise<void> {
  while (!holds(client.state)) await tick();
}

test.each<[string, HalfWorkingProxy["treats"], TransportName]>([
  [
    "breaks a WebSocket at the client's first frame",
    { upgrades: "kill", streams: "pass", posts: "pass" },
    "sse",
  ],
  [
    "swallows everything on a WebSocket after its welcome",
    { upgrades: "hold", streams: "pass", posts: "pass" },
    "sse",
  ],
  [
    "breaks WebSockets, and holds back an event stream after its welcome",
    { upgrades: "kill", streams: "hold", posts: "pass" },
    "poll",
  ],
  [
    "refuses WebSockets, and holds back an event stream after its welcome",
    { upgrades: "refuse", streams: "hold", posts: "pass" },
    "poll",
  ],
])(
  "[C13] behind a proxy that %s, a client gets all entries over the next transport",
  async (_, treats, over) => {
    await using at = await doorsWorld();
    const { proxy, client } = await behind(at, treats);
    await using _proxy = proxy;
    const { seen, told, done, ready } = watch(client.channel("room:a"), 20);
    await ready;
    expect(isOver(over)(client.state)).toBe(true);
    expect(proxy.counts.upgrades).toBeLessThanOrEqual(4);
    for (const n of upTo(20)) await at.gateway.publish("room:a", "tick", n);
    await done;
    await client.channel("room:b").publish("tick", 1);
    expect([seen, told]).toEqual([upTo(20), []]);
  },
  30_000,
);

test.each(["kill", "hold"] as const)(
  "[C13] a return to a WebSocket that the proxy treats with %s leaves the live stream alone, until WebSockets work",
  async (treatment) => {
    await using at = await doorsWorld();
    const { proxy, client } = await behind(at, {
      upgrades: "refuse",
      streams: "pass",
      posts: "pass",
    });
    await using _proxy = proxy;
    const states: string[] = [];
    client.onState((state) =>
      states.push(state.state === "connected" ? state.transport : state.state),
    );
    const total = 200;
    const { seen, told, done, ready } = watch(client.channel("room:a"), total);
    await ready;
    expect(isOver("sse")(client.state)).toBe(true);
    proxy.treats.upgrades = treatment;
    const { upgrades } = proxy.counts;
    let n = 0;
    const publish = async () => {
      if (n < total - 1) await at.gateway.publish("room:a", "tick", ++n);
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    while (proxy.counts.upgrades < upgrades + 2) await publish();
    expect(isOver("sse")(client.state)).toBe(true);
    expect(seen.length).toBeGreaterThan(n - 5);
    proxy.treats.upgrades = "pass";
    while (!isOver("websocket")(client.state)) await publish();
    while (n < total) await at.gateway.publish("room:a", "tick", ++n);
    await done;
    await client.channel("room:b").publish("tick", 1);
    expect([seen, told]).toEqual([upTo(total), []]);
    expect(states.slice(states.indexOf("sse"))).toEqual(["sse", "websocket"]);
  },
  60_000,
);

test("[C13] behind a proxy on which nothing works beyond welcomes, a client tries all transports until one does", async () => {
  await using at = await doorsWorld();
  const { proxy, client } = await behind(at, { upgrades: "hold", streams: "hold", posts: "hold" });
  await using _proxy = proxy;
  const { seen, told, done, ready } = watch(client.channel("room:a"), 5);
  const tried = new Set<TransportName>();
  client.onState((state) => {
    if (state.state === "connected") tried.add(state.transport);
  });
  while (tried.size < 3) await tick();
  // Event streams begin to work, then WebSockets.
  proxy.treats.streams = "pass";
  proxy.treats.posts = "pass";
  await ready;
  for (const n of upTo(4)) await at.gateway.publish("room:a", "tick", n);
  proxy.treats.upgrades = "pass";
  await reach(client, isOver("websocket"));
  await at.gateway.publish("room:a", "tick", 5);
  await done;
  expect([seen, told]).toEqual([upTo(5), []]);
}, 60_000);

test("[C13] a client that polls returns to event streams once they work, although WebSockets do not", async () => {
  await using at = await doorsWorld();
  const { proxy, client } = await behind(at, { upgrades: "hold", streams: "hold", posts: "pass" });
  await using _proxy = proxy;
  const { seen, told, done, ready } = watch(client.channel("room:a"), 10);
  await ready;
  expect(isOver("poll")(client.state)).toBe(true);
  for (const n of upTo(5)) await at.gateway.publish("room:a", "tick", n);
  proxy.treats.streams = "pass";
  await reach(client, isOver("sse"));
  for (const n of upTo(5)) await at.gateway.publish("room:a", "tick", n + 5);
  await done;
  expect([seen, told]).toEqual([upTo(10), []]);
}, 60_000);
