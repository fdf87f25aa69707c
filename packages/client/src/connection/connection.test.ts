import { MilepostError } from "@milepost/protocol";
import { describe, expect, it, vi } from "vitest";
import type { ClientOptions } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import type { ConnectionState } from "./connection-state.ts";

function setUp(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const errors: unknown[] = [];
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: "header.payload.signature",
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
    onError: (error) => errors.push(error),
    ...options,
  });
  const states: ConnectionState[] = [];
  client.onState((state) => states.push(state));
  const connected = async () => {
    client.connect();
    await settle();
    await gateway.last.accept();
  };
  return { clock, gateway, client, errors, states, connected };
}

describe("connecting", () => {
  it("[P-CON-1] offers the dialect and the token as subprotocols, never in the address", async () => {
    const { client, gateway } = setUp();
    client.connect();
    await settle();
    expect(gateway.last.protocols).toEqual([
      "milepost.v1.json",
      "milepost.token.header.payload.signature",
    ]);
    expect(gateway.last.url).toMatch(/^ws:\/\/gateway\.test\/ws\?sdk=server%2F[0-9.]+$/);
  });

  it("[P-CON-3] sends a token that no subprotocol may hold as the first message", async () => {
    const { client, gateway } = setUp({ token: "opaque+/==" });
    client.connect();
    await settle();
    expect(gateway.last.protocols).toEqual(["milepost.v1.json"]);
    gateway.last.open();
    expect(gateway.last.take("auth").token).toBe("opaque+/==");
  });

  it("is connecting until the welcome, then connected with what the welcome said", async () => {
    const { client, gateway, states } = setUp();
    client.connect();
    await settle();
    gateway.last.open();
    await settle();
    expect(client.state).toEqual({ state: "connecting", attempt: 1 });
    await gateway.last.accept({ degraded: true });
    expect(states.at(-1)).toEqual({
      state: "connected",
      transport: "websocket",
      connectionId: "connection-1",
      sessionId: "s1",
      userId: "u1",
      node: "node-1",
      degraded: true,
    });
  });

  it("makes web sockets of http addresses and refuses other ones at once", async () => {
    const { client, gateway } = setUp({ url: "https://gateway.test/ws#part" });
    client.connect();
    await settle();
    expect(gateway.last.url).toMatch(/^wss:\/\/gateway\.test\/ws\?sdk=[^#]+$/);
    expect(() => setUp({ url: "ftp://gateway.test" })).toThrow(MilepostError);
    expect(() => setUp({ url: "not an address" })).toThrow(/write it like wss/);
  });

  it("connects by itself when it is first used", async () => {
    const { client, gateway } = setUp();
    expect(client.state.state).toBe("idle");
    void client.request("operations.list").catch(() => {});
    await settle();
    expect(gateway.sockets).toHaveLength(1);
  });

  it("gives a connect that never gets its welcome up after 30 s", async () => {
    const { client, gateway, clock } = setUp();
    client.connect();
    await settle();
    gateway.last.open();
    await clock.advance(29_999);
    expect(client.state.state).toBe("connecting");
    await clock.advance(1);
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "no_welcome" });
    expect(gateway.last.closed?.by).toBe("client");
  });

  it("opens no socket when it is closed in the tick it was opened in, and one when it is opened again", async () => {
    const { client, gateway } = setUp();
    client.connect();
    void client.close();
    client.connect();
    await settle();
    expect(gateway.sockets).toHaveLength(1);
    await gateway.last.accept();
    expect(client.state.state).toBe("connected");
  });
});

describe("coming back", () => {
  it("[TRAP-10] [P-CLOSE-1] waits a random part of a span that doubles from 1 s to 16 s", async () => {
    const { client, gateway, clock, connected } = setUp({ transports: ["websocket"] });
    await connected();
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      await gateway.last.drop();
      const { state } = client;
      if (state.state !== "reconnecting") throw new Error(state.state);
      waits.push(state.retryAt - clock.now());
      await clock.advance(state.retryAt - clock.now());
      expect(gateway.sockets).toHaveLength(i + 2);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it("begins the backoff anew only after a connection that lasted", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.drop();
    await clock.advance(500);
    await gateway.last.accept();
    await clock.advance(4_000);
    await gateway.last.drop();
    expect(client.state).toMatchObject({ state: "reconnecting", attempt: 3 });
    await clock.advance(1_000);
    await gateway.last.accept();
    await clock.advance(5_000);
    await gateway.last.drop();
    expect(client.state).toMatchObject({ state: "reconnecting", attempt: 2 });
  });

  it("[P-CON-6] names the connection it replaces, but not after it was moved elsewhere", async () => {
    const { gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.drop();
    await clock.advance(1_000);
    expect(new URL(gateway.last.url).searchParams.get("connection_id")).toBe("connection-1");
    await gateway.last.accept();
    await gateway.last.drop(4001);
    await clock.advance(10_000);
    expect(new URL(gateway.last.url).searchParams.has("connection_id")).toBe(false);
  });

  it("[P-CLOSE-2] leaves a node that shuts down at a random moment of the announced span", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await clock.advance(6_000);
    await gateway.last.say({
      type: "notice",
      code: "server_shutting_down",
      reconnect: { min_ms: 2_000, max_ms: 6_000 },
    });
    await clock.advance(3_999);
    expect(client.state.state).toBe("connected");
    await clock.advance(1);
    expect(gateway.sockets).toHaveLength(2);
  });

  it("[P-CLOSE-2] keeps to the announced span when the node closes before it", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    const notice = { type: "notice", code: "server_shutting_down" };
    await gateway.last.say({ ...notice, reconnect: { min_ms: 2_000, max_ms: 6_000 } });
    await clock.advance(1_000);
    await gateway.last.drop(4000);
    expect(client.state).toMatchObject({ state: "reconnecting", retryAt: clock.now() + 3_000 });
    await clock.advance(3_000);
    expect(gateway.sockets).toHaveLength(2);
  });

  it("tries at once when asked to, and keeps the place in the backoff", async () => {
    const { client, gateway, connected } = setUp();
    await connected();
    await gateway.last.drop();
    client.retryNow();
    await settle();
    expect(client.state).toEqual({ state: "connecting", attempt: 2 });
    expect(gateway.sockets).toHaveLength(2);
  });

  it("gives up after as many attempts as it was told to make", async () => {
    const { client, gateway, clock } = setUp({
      transports: ["websocket"],
      backoff: { attempts: 3 },
    });
    client.connect();
    await settle();
    for (let i = 0; i < 2; i++) {
      await gateway.last.drop();
      await clock.advance(20_000);
    }
    await gateway.last.drop();
    expect(client.state).toMatchObject({ state: "closed", verdict: "resume" });
    await clock.advance(100_000);
    expect(gateway.sockets).toHaveLength(3);
  });

  it.each([1006, 1001, 1011, 1012, 4000, 4002, 4003, 4050, 3123])(
    "[P-CLOSE-1] comes back after %i",
    async (code) => {
      const { client, gateway, connected } = setUp();
      await connected();
      await gateway.last.drop(code);
      expect(client.state.state).toBe("reconnecting");
    },
  );

  it.each([1008, 1009, 4400, 4401, 4403, 4408, 4409, 4413, 4429, 4444])(
    "[P-CLOSE-1] stays away after %i",
    async (code) => {
      const { client, gateway, clock, connected } = setUp();
      await connected();
      await gateway.last.drop(code, "because");
      expect(client.state).toEqual({ state: "closed", code, reason: "because", verdict: "stop" });
      await clock.advance(100_000);
      expect(gateway.sockets).toHaveLength(1);
      await expect(client.request("operations.list")).rejects.toBeInstanceOf(MilepostError);
    },
  );
});

describe("the credential", () => {
  it("[P-CON-8] is got anew after 4101, and the connect that follows carries the new one", async () => {
    let count = 0;
    const { gateway, clock, connected } = setUp({ token: async () => `token-${++count}` });
    await connected();
    await gateway.last.drop(4101);
    await clock.advance(1_000);
    expect(gateway.last.protocols[1]).toBe("milepost.token.token-2");
  });

  it("[P-CON-8] never loops hot: one that has ended and is given again opens no socket", async () => {
    let calls = 0;
    const { gateway, clock, connected, client } = setUp({
      token: () => {
        calls++;
        return "the-same";
      },
    });
    await connected();
    await gateway.last.drop(4101);
    await clock.advance(60_000);
    expect(gateway.sockets).toHaveLength(1);
    expect(calls).toBeLessThan(15);
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "token" });
  });

  it("ends the connection when it is a fixed one and has ended", async () => {
    const { client, gateway, connected } = setUp({ token: "fixed" });
    await connected();
    await gateway.last.drop(4102);
    expect(client.state).toMatchObject({ state: "closed", code: 4102, verdict: "reauthenticate" });
  });

  it("is asked for again, after a wait, when its source fails", async () => {
    let calls = 0;
    const { client, gateway, clock, errors } = setUp({
      token: async () => {
        if (++calls === 1) throw new Error("no network");
        return "token";
      },
    });
    client.connect();
    await settle();
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "token" });
    expect(errors).toEqual([new Error("no network")]);
    await clock.advance(1_000);
    expect(gateway.sockets).toHaveLength(1);
  });

  it("whose source fails is no uncaught error of the page when nobody gave an onError", async () => {
    const uncaught = vi.fn();
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    vi.stubGlobal("reportError", uncaught);
    const client = createClient({
      url: "ws://gateway.test/ws",
      token: () => Promise.reject(new Error("no network")),
      webSocket: new ScriptedGateway().webSocket,
      clock: new ManualClock(),
    });
    client.connect();
    await settle();
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "token" });
    expect(said).toHaveBeenCalledWith(new Error("no network"));
    expect(uncaught).not.toHaveBeenCalled();
    client.onState(() => {
      throw new Error("mine");
    });
    await client.close();
    await settle();
    expect(uncaught).toHaveBeenCalledWith(new Error("mine"));
    vi.unstubAllGlobals();
    said.mockRestore();
  });

  it("ends the connection when its source says that there will be none", async () => {
    const { client } = setUp({
      token: () => Promise.reject(new MilepostError("unauthenticated", "signed out")),
    });
    client.connect();
    await settle();
    expect(client.state).toMatchObject({ state: "closed", code: 4401, reason: "signed out" });
  });

  it("[P-CON-8] is renewed in place when the service says that it ends soon", async () => {
    let count = 0;
    const { client, gateway, connected } = setUp({ token: () => `token-${++count}` });
    await connected();
    await gateway.last.say({ type: "notice", code: "token_expiring", expires_at: 1 });
    const auth = gateway.last.take("auth");
    expect(auth.token).toBe("token-2");
    await gateway.last.reply(auth, {});
    expect(client.state.state).toBe("connected");
    expect(gateway.sockets).toHaveLength(1);
  });

  it("that ends soon however often it is renewed is not renewed in a hurry", async () => {
    let count = 0;
    const { gateway, clock, connected } = setUp({ token: () => `token-${++count}` });
    await connected();
    const expiring = { type: "notice", code: "token_expiring", expires_at: 1 };
    await gateway.last.say(expiring);
    for (let i = 0; i < 5; i++) {
      await gateway.last.say(expiring);
      await gateway.last.reply(gateway.last.take("auth"), {});
      await gateway.last.say(expiring, expiring);
      await clock.advance(9_999);
      expect(gateway.last.count("auth")).toBe(0);
      await gateway.last.say({ type: "pong" });
      await clock.advance(1);
      expect(gateway.last.count("auth")).toBe(1);
    }
    expect(count).toBe(7);
    await gateway.last.say(expiring);
    await gateway.last.drop();
    await clock.advance(1_000);
    await gateway.last.accept();
    await clock.advance(20_000);
    expect(gateway.last.count("auth")).toBe(0);
  });

  it("that could not be renewed in place is reported, and the connection goes on until it is closed", async () => {
    let count = 0;
    const { client, gateway, errors, connected } = setUp({ token: () => `token-${++count}` });
    await connected();
    await gateway.last.say({ type: "notice", code: "token_expiring" });
    await gateway.last.refuse(gateway.last.take("auth"), { code: "forbidden" });
    expect(errors).toEqual([expect.objectContaining({ code: "forbidden" })]);
    expect(client.state.state).toBe("connected");
  });
});

describe("a half-open connection", () => {
  it("[P-CLOSE-3] is found out within two ping intervals of silence", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    const [ping] = [gateway.last.take("ping")];
    await gateway.last.say({ type: "pong", id: ping.id });
    await clock.advance(30_000);
    expect(gateway.last.count("ping")).toBe(1);
    await clock.advance(29_999);
    expect(client.state.state).toBe("connected");
    await clock.advance(1);
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "heartbeat_lost" });
    expect(gateway.last.closed?.by).toBe("client");
  });

  it("is not taken for one while anything comes in", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    for (let i = 0; i < 10; i++) {
      await clock.advance(20_000);
      await gateway.last.say({ type: "something_new" });
    }
    expect(client.state.state).toBe("connected");
  });

  it("is found out within 5 s when somebody asks whether it still stands", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    client.retryNow();
    await settle();
    expect(gateway.last.count("ping")).toBe(1);
    await clock.advance(5_000);
    expect(client.state.state).toBe("reconnecting");
  });

  it("stays when the probe is answered, and is watched as before", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    gateway.last.take("ping");
    client.retryNow();
    await settle();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    await clock.advance(35_000);
    expect(client.state.state).toBe("connected");
    expect(gateway.last.count("ping")).toBe(1);
    await clock.advance(30_000);
    expect(client.state.state).toBe("reconnecting");
  });
});

describe("what the service says", () => {
  it.each([
    ["text that is no JSON", "{"],
    ["a number", "7"],
    ["null", "null"],
    ["an array of nothing useful", '[null, 1, "x", [], {}]'],
    ["a type that is no text", '{"type": 5}'],
    ["a welcome again", '{"type":"welcome"}'],
    ["a reply to nothing", '{"type":"reply","id":999,"result":1}'],
    ["a reply with a strange id", '{"type":"reply","id":{"a":1},"result":1}'],
    ["an event without a channel", '{"type":"event"}'],
    ["an event with a bad position", '{"type":"event","channel":"a","position":"nonsense"}'],
    ["a gap of nothing", '{"type":"gap","channel":"a"}'],
    ["a reset without a snapshot", '{"type":"reset","channel":"a","position":"e.1.x"}'],
    ["a notice of a bad span", '{"type":"notice","code":"move","reconnect":{"min_ms":"x"}}'],
    ["a type of the future", '{"type":"teleport","to":"mars"}'],
    ["a name from the prototype", '{"type":"__proto__","channel":"constructor"}'],
  ])("[P-SRV-1] may be %s: the connection goes on", async (_, frame) => {
    const { client, gateway, connected } = setUp();
    client.channel("a").subscribe({});
    await connected();
    await gateway.last.frame(frame);
    expect(client.state.state).toBe("connected");
    const request = client.request("operations.get", { operation_id: "1" });
    await settle();
    await gateway.last.reply(gateway.last.take("request"), { fine: true });
    await expect(request).resolves.toEqual({ fine: true });
  });

  it("in bytes instead of text is reported and ignored", async () => {
    const { gateway, errors, client, connected } = setUp();
    await connected();
    await gateway.last.frame(new Uint8Array([1, 2, 3]).buffer);
    expect(errors).toEqual([expect.objectContaining({ code: "bad_message" })]);
    expect(client.state.state).toBe("connected");
  });

  it("changes the state when it is degraded and when it is well again", async () => {
    const { gateway, client, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "notice", code: "degraded" });
    expect(client.state).toMatchObject({ state: "connected", degraded: true });
    await gateway.last.say({ type: "notice", code: "restored" });
    expect(client.state).toMatchObject({ state: "connected", degraded: false });
  });

  it("[P-MSG-4] a ping of the service is answered", async () => {
    const { gateway, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "ping" });
    expect(gateway.last.count("pong")).toBe(1);
  });
});

describe("listeners", () => {
  it("are never called inside the call that causes it, and one that throws harms no other", async () => {
    const { client, errors } = setUp();
    const heard: string[] = [];
    client.onState(() => {
      throw new Error("mine");
    });
    client.onState((state) => heard.push(state.state));
    client.connect();
    expect(heard).toEqual([]);
    await settle();
    expect(heard).toEqual(["connecting"]);
    expect(errors).toEqual([new Error("mine")]);
  });

  it("hear nothing after they were removed", async () => {
    const { client } = setUp();
    const heard: string[] = [];
    const stop = client.onState((state) => heard.push(state.state));
    client.connect();
    stop();
    await settle();
    expect(heard).toEqual([]);
  });
});

describe("closing", () => {
  it("rejects what waits, closes the socket and leaves no timer behind", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    const request = client.request("operations.list");
    const closed = client.close();
    await expect(request).rejects.toMatchObject({ code: "cancelled" });
    await closed;
    expect(gateway.last.closed).toEqual({ code: 1000, by: "client" });
    expect(clock.timers).toBe(0);
    expect(client.state.state).toBe("closed");
  });

  it("is what leaving a block with `await using` does", async () => {
    const { client, gateway, connected } = setUp();
    await connected();
    await client[Symbol.asyncDispose]();
    expect(gateway.openSockets).toBe(0);
  });

  it("during a wait ends the wait", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.drop();
    await client.close();
    await clock.advance(100_000);
    expect(gateway.sockets).toHaveLength(1);
  });

  it("while a token is being got opens no socket afterwards", async () => {
    let give: (token: string) => void = () => {};
    const { client, gateway } = setUp({
      token: () =>
        new Promise((resolve) => {
          give = resolve;
        }),
    });
    client.connect();
    await settle();
    await client.close();
    give("late");
    await settle();
    expect(gateway.sockets).toHaveLength(0);
  });

  it("keeps one timer however much waits", async () => {
    const { client, clock, connected } = setUp();
    await connected();
    for (let i = 0; i < 100; i++) client.request("operations.list").catch(() => {});
    expect(clock.timers).toBe(1);
    await client.close();
    expect(clock.timers).toBe(0);
  });
});

describe("metrics", () => {
  it("count connects, messages and bytes, and measure the round trip", async () => {
    const { client, gateway, clock, connected } = setUp();
    expect(client.metrics()).toMatchObject({ connects: 0, quality: "none", rttMs: undefined });
    await connected();
    await clock.advance(40);
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    expect(client.metrics()).toMatchObject({
      connects: 1,
      reconnects: 0,
      rttMs: 40,
      quality: "good",
      messagesIn: 2,
      lastMessageAt: clock.now(),
    });
    expect(client.metrics()).toBe(client.metrics());
    await gateway.last.drop();
    expect(client.metrics().quality).toBe("none");
    await clock.advance(1_000);
    await gateway.last.accept();
    expect(client.metrics()).toMatchObject({ connects: 2, reconnects: 1, quality: "fair" });
  });

  it("tell at most once a second, only while somebody listens", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await settle();
    const before = clock.timers;
    let told = 0;
    const stop = client.onMetrics(() => told++);
    for (let i = 0; i < 50; i++) await gateway.last.say({ type: "noise" });
    expect(told).toBe(0);
    await clock.advance(1_000);
    expect(told).toBe(1);
    expect(client.metrics().messagesPerSecond).toBeCloseTo(5.1);
    await clock.advance(20_000);
    expect(client.metrics().messagesPerSecond).toBe(0);
    stop();
    expect(clock.timers).toBe(before);
  });
});
