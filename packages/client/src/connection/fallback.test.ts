import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, type ScriptedSocket, settle } from "../testing/index.ts";
import type { Fetch } from "../transport/http-endpoint.ts";
import type { ConnectionState } from "./connection-state.ts";

type Message = { readonly type: string; readonly id?: unknown; readonly [field: string]: unknown };

/** Lets promises of the platform settle, such as those of a stream. */
async function settled() {
  for (let i = 0; i < 5; i++) {
    await settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Gateway's end of the SSE transport. It welcomes each stream and answers pings. */
function eventStreams() {
  const streams: { readonly token: string; say(message: object): void; end(): void }[] = [];
  const posted: Message[] = [];
  const fetch: Fetch = async (url, { headers, body, signal }) => {
    if (!url.includes("/ws/sse")) {
      const last = streams.at(-1);
      for (const message of JSON.parse(body ?? "[]") as Message[]) {
        posted.push(message);
        if (message.type === "ping") last?.say({ type: "pong", id: message.id });
      }
      return new Response(null, { status: 202 });
    }
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        const say = (message: object) =>
          controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(message)}\n\n`));
        const token = headers.Authorization?.replace("Bearer ", "") ?? "";
        streams.push({ token, say, end: () => controller.close() });
        signal.addEventListener("abort", () => controller.error(signal.reason));
        const connectionId = `sse-${streams.length}`;
        say({ type: "welcome", connection_id: connectionId, user_id: "u1", session_id: "s1" });
      },
    });
    return new Response(stream);
  };
  return {
    fetch,
    streams,
    posted,
    get last() {
      const stream = streams.at(-1);
      if (stream === undefined) throw new Error("the client opened no stream");
      return stream;
    },
  };
}

function setUp(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const sse = eventStreams();
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: "t",
    webSocket: gateway.webSocket,
    fetch: sse.fetch,
    clock,
    random: () => 0.5,
    onError: () => {},
    ...options,
  });
  const states: ConnectionState[] = [];
  client.onState((state) => states.push(state));
  client.connect();
  const advance = async (ms: number) => {
    await clock.advance(ms);
    await settled();
  };
  /** Waits until the client is connected over SSE. The transport's code is loaded on demand, in real time. */
  const onSse = async () => {
    while (client.state.state !== "connected" || client.state.transport !== "sse") await settled();
  };
  /** Breaks WebSockets until the client is connected over SSE. */
  const fallen = async () => {
    await settle();
    await gateway.last.drop();
    await clock.advance(1_000);
    await gateway.last.drop();
    await clock.advance(1_000);
    await onSse();
  };
  return { clock, gateway, sse, client, states, advance, onSse, fallen };
}

const pongTo = (socket: ScriptedSocket) => socket.say({ type: "pong", id: socket.take("ping").id });

describe("a transport that works only in part", () => {
  it.each([1006, 1005, 1011])(
    "a proxy that closes the WebSocket with %i at the client's first frame leads to SSE after two connects",
    async (code) => {
      const { gateway, clock, client, onSse } = setUp();
      for (let i = 0; i < 2; i++) {
        await settle();
        await gateway.last.accept();
        expect(gateway.last.count("ping")).toBe(1);
        await gateway.last.drop(code);
        await clock.advance(1_000);
      }
      await onSse();
      expect(gateway.sockets).toHaveLength(2);
      await client.close();
    },
  );

  it("a WebSocket that carries nothing after its welcome is left after 10 s, and after two of them SSE is tried", async () => {
    const { gateway, clock, client, onSse } = setUp();
    for (let i = 0; i < 2; i++) {
      await settle();
      await gateway.last.accept();
      await clock.advance(9_999);
      expect(client.state.state).toBe("connected");
      await clock.advance(1);
      expect(client.state).toMatchObject({ state: "reconnecting", reason: "heartbeat_lost" });
      await clock.advance(1_000);
    }
    await onSse();
    expect(gateway.sockets).toHaveLength(2);
    await client.close();
  });

  it("a WebSocket that worked before and now carries nothing after its welcome is replaced after two of them", async () => {
    const { gateway, clock, client, onSse } = setUp();
    await settle();
    await gateway.last.accept();
    await pongTo(gateway.last);
    await clock.advance(6_000);
    await gateway.last.drop();
    for (let i = 0; i < 2; i++) {
      await clock.advance(1_000);
      await gateway.last.accept();
      await clock.advance(10_000);
    }
    await clock.advance(2_000);
    await onSse();
    expect(gateway.sockets).toHaveLength(3);
    await client.close();
  });

  it("[C13] a WebSocket that works and breaks soon each time is left after the fourth break", async () => {
    const { gateway, clock, client } = setUp();
    for (let i = 0; i < 4; i++) {
      await settle();
      await gateway.last.accept();
      await pongTo(gateway.last);
      await gateway.last.drop();
      await clock.advance(16_000);
    }
    expect(gateway.sockets).toHaveLength(4);
    await client.close();
  });

  it.each([1013, 4000, 4001])(
    "WebSockets that the gateway closes with %i right after the welcome lead to no other transport",
    async (code) => {
      const { gateway, clock, client } = setUp();
      for (let i = 0; i < 4; i++) {
        await settle();
        await gateway.last.accept();
        await gateway.last.drop(code);
        await clock.advance(16_000);
      }
      expect(gateway.sockets).toHaveLength(5);
      await client.close();
    },
  );

  it("a WebSocket whose credential does not reach the gateway (4408) counts as broken, and SSE is tried", async () => {
    const { gateway, clock, client, onSse } = setUp({ token: "opaque+/==" });
    for (let i = 0; i < 2; i++) {
      await settle();
      gateway.last.open();
      expect(gateway.last.count("auth")).toBe(1);
      await clock.advance(10_000);
      await gateway.last.drop(4408);
      await clock.advance(1_000);
    }
    await onSse();
    await client.close();
  });

  it("without a credential, 4408 closes the client for good", async () => {
    const { gateway, client } = setUp({ token: undefined });
    await settle();
    gateway.last.open();
    await gateway.last.drop(4408);
    expect(client.state).toMatchObject({ state: "closed", code: 4408 });
  });
});

describe("the return to a better transport", () => {
  it("a WebSocket that breaks at its first ping is not adopted, and the live SSE connection stays", async () => {
    const { gateway, sse, client, states, advance, fallen } = setUp();
    await fallen();
    const told = states.length;
    for (let i = 0; i < 3; i++) {
      await advance(60_000);
      expect(gateway.sockets).toHaveLength(3 + i);
      await gateway.last.accept();
      expect(gateway.last.take("ping")).toEqual({ type: "ping", id: 0 });
      await gateway.last.drop();
    }
    expect(client.state).toMatchObject({ state: "connected", transport: "sse" });
    expect(states).toHaveLength(told);
    expect(sse.streams).toHaveLength(1);
    await client.close();
  });

  it("a WebSocket that answers nothing is given up after 10 s, and one that answers later is adopted with all it brought", async () => {
    const { gateway, sse, client, advance, fallen } = setUp();
    const seen: unknown[] = [];
    client.channel("a").subscribe({ onEvent: ({ data }) => seen.push(data) });
    await fallen();
    await settled();
    const asked = sse.posted.find(({ type }) => type === "subscribe");
    sse.last.say({ type: "reply", id: asked?.id, result: { channel: "a", position: "e.1.t" } });
    await settled();
    await advance(60_000);
    const mute = gateway.last;
    await mute.accept();
    await advance(10_000);
    expect(mute.closed?.by).toBe("client");
    const event = (n: number) => ({
      type: "event",
      channel: "a",
      position: `e.${n}.t`,
      event: "tick",
      data: n,
      ts: 1,
    });
    sse.last.say(event(2));
    await settled();
    await advance(60_000);
    const socket = gateway.last;
    expect(socket).not.toBe(mute);
    await socket.accept({ connection_id: "ws-1", degraded: true });
    expect(client.state).toMatchObject({ transport: "sse" });
    sse.last.say(event(3));
    await settled();
    await pongTo(socket);
    expect(client.state).toMatchObject({
      state: "connected",
      transport: "websocket",
      connectionId: "ws-1",
      degraded: true,
    });
    await settle();
    const again = socket.take("subscribe");
    expect(again).toMatchObject({ channel: "a", since: "e.3.t" });
    await socket.reply(again, { channel: "a", position: "e.3.t", recovered: true });
    await socket.say(event(4));
    expect(seen).toEqual([2, 3, 4]);
    await client.close();
  });

  it("an SSE connection that breaks every 20 s does not put off the return to WebSockets", async () => {
    const { gateway, sse, client, advance, fallen, onSse } = setUp();
    await fallen();
    const opened = gateway.sockets.length;
    for (let i = 0; i < 4 && gateway.sockets.length === opened; i++) {
      await advance(20_000);
      if (gateway.sockets.length > opened) break;
      sse.last.end();
      await settled();
      await advance(1_000);
      await onSse();
    }
    expect(gateway.sockets).toHaveLength(opened + 1);
    await gateway.last.accept();
    await pongTo(gateway.last);
    expect(client.state).toMatchObject({ state: "connected", transport: "websocket" });
    await client.close();
  });

  it("a client that was closed while a background attempt waited for its token opens no WebSocket", async () => {
    let grant = (_: string) => {};
    let waits = false;
    const token = () =>
      waits ? new Promise<string>((resolve) => (grant = resolve)) : Promise.resolve("t");
    const { gateway, client, advance, fallen } = setUp({ token });
    await fallen();
    const opened = gateway.sockets.length;
    waits = true;
    await advance(60_000);
    await client.close();
    grant("t");
    await settled();
    expect(gateway.sockets).toHaveLength(opened);
  });

  it("a WebSocket that floods the attempt before its answer is given up", async () => {
    const { gateway, client, advance, fallen } = setUp();
    await fallen();
    await advance(60_000);
    await gateway.last.accept();
    for (let i = 0; i < 100; i++) await gateway.last.say({ type: "notice", code: "noise" });
    expect(gateway.last.closed?.by).toBe("client");
    expect(client.state).toMatchObject({ state: "connected", transport: "sse" });
    await client.close();
  });
});

describe("tokens beside a return to a better transport", () => {
  it("[P-CON-8] a revocation of the live connection does not reject the token that a background attempt has fetched", async () => {
    let token = "old";
    const { gateway, sse, client, advance, fallen, onSse } = setUp({ token: () => token });
    await fallen();
    token = "new";
    await advance(60_000);
    expect(gateway.last.protocols).toContain("milepost.token.new");
    sse.last.say({ type: "close", code: 4102, reason: "revoked" });
    await settled();
    await advance(1_000);
    await onSse();
    expect(sse.last.token).toBe("new");
    await client.close();
  });

  it("[P-CON-8] a token that a background attempt finds revoked is not offered again, and the live connection stays", async () => {
    let calls = 0;
    const tokens = ["a", "b", "live", "revoked", "revoked", "fresh"];
    const { gateway, client, advance, fallen } = setUp({ token: () => tokens[calls++] ?? "fresh" });
    await fallen();
    await advance(60_000);
    gateway.last.open();
    await gateway.last.drop(4102);
    expect(client.state).toMatchObject({ state: "connected", transport: "sse" });
    const opened = gateway.sockets.length;
    await advance(60_000);
    expect(gateway.sockets).toHaveLength(opened);
    await advance(60_000);
    expect(gateway.last.protocols).toContain("milepost.token.fresh");
    await gateway.last.accept();
    await pongTo(gateway.last);
    expect(client.state).toMatchObject({ state: "connected", transport: "websocket" });
    await client.close();
  });

  it("[P-CON-8] after the return, a close rejects the token of the adopted connection", async () => {
    let token = "old";
    const { gateway, client, advance, fallen } = setUp({ token: () => token });
    await fallen();
    token = "adopted";
    await advance(60_000);
    await gateway.last.accept();
    await pongTo(gateway.last);
    token = "old";
    await gateway.last.drop(4102);
    await advance(2_000);
    expect(gateway.last.protocols).toContain("milepost.token.old");
    await client.close();
  });
});
