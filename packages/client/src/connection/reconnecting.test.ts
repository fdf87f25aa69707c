import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { connectedClient, ManualClock, ScriptedGateway, settle } from "../testing/index.ts";

describe("a client that reconnects", () => {
  it("connect() connects at once instead of waiting for the end of the backoff", async () => {
    const { client, gateway } = await connectedClient();
    await gateway.last.drop();
    expect(client.state.state).toBe("reconnecting");
    client.connect();
    await settle();
    expect(gateway.sockets).toHaveLength(2);
  });

  it("[P-CON-6] a client that was closed does not continue its former connection", async () => {
    const { client, gateway } = await connectedClient();
    await client.close();
    client.connect();
    await settle();
    expect(gateway.sockets).toHaveLength(2);
    expect(gateway.last.url).not.toContain("connection_id");
  });

  it("a gateway that announces an interval of less than a second is pinged every 30 s", async () => {
    const { clock, gateway } = await connectedClient({}, { ping_interval_ms: 0 });
    const pinged = gateway.last.count("ping");
    for (let n = 0; n < 10; n++) {
      await gateway.last.say({ type: "notice", code: "restored" });
      await clock.advance(2_900);
    }
    expect(gateway.last.count("ping")).toBe(pinged);
  });

  it("a move with a negative delay is treated like one without advice", async () => {
    const { clock, gateway } = await connectedClient();
    const reconnect = { min_ms: -5_000, max_ms: -1_000 };
    await gateway.last.say({ type: "notice", code: "move", reconnect });
    await clock.advance(499);
    expect(gateway.sockets).toHaveLength(1);
    await clock.advance(1_001);
    expect(gateway.sockets).toHaveLength(2);
  });

  it("a token source that fails does not make the client give up WebSockets", async () => {
    const clock = new ManualClock();
    const gateway = new ScriptedGateway();
    let calls = 0;
    const client = createClient({
      url: "ws://gateway.test/ws",
      token: () => {
        calls++;
        throw new Error("the backend is down");
      },
      webSocket: gateway.webSocket,
      fetch: () => Promise.reject(new Error("no HTTP here")),
      clock,
      random: () => 0.5,
      onError: () => {},
    });
    client.connect();
    await clock.advance(60_000);
    expect(calls).toBeGreaterThan(5);
    expect(gateway.sockets).toEqual([]);
    await client.close();
  });
});

describe("a call", () => {
  it("leaves no listener behind on the signal of its caller", async () => {
    const { client, gateway } = await connectedClient();
    const { signal } = new AbortController();
    const call = client.request("x", undefined, { signal });
    await settle();
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await gateway.last.reply(gateway.last.take("request"), 1);
    await call;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("a subscription", () => {
  it("a subscriber of presence alone asks for no entries", async () => {
    const { client, gateway } = await connectedClient();
    client.channel("chat:1").subscribe({ onPresence() {} }, { events: [], presence: true });
    await settle();
    const { events, presence } = gateway.last.take("subscribe");
    expect(presence).toBe(true);
    expect(events).toHaveLength(1);
  });

  it("a subscriber is not started by the answer to a subscription that was closed before it", async () => {
    const { client, gateway } = await connectedClient();
    const channel = client.channel("chat:1");
    const first = channel.subscribe({}, { since: "start" });
    await settle();
    first.close();
    await settle();
    const second = channel.subscribe({}, { since: "now" });
    let position: string | undefined;
    void second.ready.then((subscribed) => {
      position = subscribed.position;
    });
    await settle();
    const [early, late] = [gateway.last.take("subscribe"), gateway.last.take("subscribe")];
    const at = (offset: number) => ({
      channel: "chat:1",
      position: `e.${offset}.t`,
      recovered: false,
    });
    await gateway.last.reply(early, at(1));
    expect(position).toBeUndefined();
    await gateway.last.reply(late, at(7));
    expect(position).toBe("e.7.t");
  });

  it("a subscription that the gateway keeps refusing for now is asked for less and less often", async () => {
    const { client, clock, gateway } = await connectedClient();
    client.channel("chat:1").subscribe({});
    await settle();
    const waits: number[] = [];
    for (let n = 0; n < 4; n++) {
      const ask = gateway.last.take("subscribe");
      await gateway.last.refuse(ask, { code: "store_unavailable", retryable: true });
      let waited = 0;
      for (; gateway.last.count("subscribe") === 0; waited += 100) await clock.advance(100);
      waits.push(waited);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000]);
  });
});
