import { MilepostError } from "@milepost/protocol";
import { afterEach, describe, expect, it, vi } from "vitest";
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
  it("[P-CON-1] the client offers the dialect and the token as subprotocols, never in the address", async () => {
    const { client, gateway } = setUp();
    client.connect();
    await settle();
    expect(gateway.last.protocols).toEqual([
      "milepost.v1.json.short",
      "milepost.v1.json",
      "milepost.token.header.payload.signature",
    ]);
    expect(gateway.last.url).toMatch(/^ws:\/\/gateway\.test\/ws\?sdk=server%2F[0-9.]+$/);
  });

  it("[P-CON-3] a token with characters that a subprotocol cannot have is sent as the first message", async () => {
    const { client, gateway } = setUp({ token: "opaque+/==" });
    client.connect();
    await settle();
    expect(gateway.last.protocols).toEqual(["milepost.v1.json.short", "milepost.v1.json"]);
    gateway.last.open();
    expect(gateway.last.take("auth").token).toBe("opaque+/==");
  });

  it("the state is connecting until the welcome, then connected with the welcome's values", async () => {
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
      sessionChannel: "session:s1",
      userChannel: "user:u1",
      node: "node-1",
      degraded: true,
    });
  });

  it("[P-NAME-4] the state names the channels of a user and session whose ids are encoded, from the welcome", async () => {
    const { client, gateway } = setUp();
    client.connect();
    await settle();
    const ids = { user_id: "auth0|7", session_id: null };
    await gateway.last.accept({ ...ids, user_channel: "user:auth0~7C7" });
    expect(client.state).toMatchObject({ userId: "auth0|7", userChannel: "user:auth0~7C7" });
    expect(client.state).toMatchObject({ sessionId: null, sessionChannel: undefined });
  });

  it("an http address becomes a WebSocket address, and createClient throws for other protocols", async () => {
    const { client, gateway } = setUp({ url: "https://gateway.test/ws#part" });
    client.connect();
    await settle();
    expect(gateway.last.url).toMatch(/^wss:\/\/gateway\.test\/ws\?sdk=[^#]+$/);
    expect(() => setUp({ url: "ftp://gateway.test" })).toThrow(MilepostError);
    expect(() => setUp({ url: "not an address" })).toThrow(/write it like wss/);
  });

  it("the client connects by itself on first use", async () => {
    const { client, gateway } = setUp();
    expect(client.state.state).toBe("idle");
    void client.request("operations.list").catch(() => {});
    await settle();
    expect(gateway.sockets).toHaveLength(1);
  });

  it("a connection attempt without a welcome is given up after 30 s", async () => {
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

  it("a client opened, closed and opened again in one tick opens one socket", async () => {
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

describe("reconnecting", () => {
  it("[TRAP-10] [P-CLOSE-1] the client waits a random part of a span that doubles from 1 s to 16 s", async () => {
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

  it("the backoff starts over only after a connection that lasted 5 s", async () => {
    const { client, gateway, clock, connected } = setUp({ transports: ["websocket"] });
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

  it("[P-CON-6] a reconnect sends the id of the connection it replaces, except after close code 4001 (moved)", async () => {
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

  it("[P-CLOSE-2] when a node announces its shutdown, the client reconnects at a random moment of the announced span", async () => {
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

  it("[P-CLOSE-2] the client keeps to the announced span even if the node closes the connection earlier", async () => {
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

  it("retryNow reconnects at once and keeps the attempt number", async () => {
    const { client, gateway, connected } = setUp();
    await connected();
    await gateway.last.drop();
    client.retryNow();
    await settle();
    expect(client.state).toEqual({ state: "connecting", attempt: 2 });
    expect(gateway.sockets).toHaveLength(2);
  });

  it("the client gives up after the configured number of attempts", async () => {
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

  it("the client with the backoff five-attempts connects again after 1, 2, 4, 8 and 16 s, and then gives up", async () => {
    const { client, gateway, clock, connected } = setUp({
      transports: ["websocket"],
      backoff: "five-attempts",
    });
    await connected();
    for (const [index, waitMs] of [1_000, 2_000, 4_000, 8_000, 16_000].entries()) {
      await gateway.last.drop();
      await clock.advance(waitMs - 1);
      expect(gateway.sockets).toHaveLength(index + 1);
      await clock.advance(1);
      expect(gateway.sockets).toHaveLength(index + 2);
    }
    await gateway.last.drop();
    expect(client.state).toMatchObject({ state: "closed", verdict: "resume" });
    await clock.advance(100_000);
    expect(gateway.sockets).toHaveLength(6);
  });

  it.each([1000, 1006, 1008, 1009, 1001, 1011, 1012, 4000, 4002, 4003, 4050, 3123])(
    "[P-CLOSE-1] the client reconnects after close code %i",
    async (code) => {
      const { client, gateway, connected } = setUp();
      await connected();
      await gateway.last.drop(code);
      expect(client.state.state).toBe("reconnecting");
    },
  );

  it.each([4410, 4400, 4401, 4403, 4408, 4413, 4444])(
    "[P-CLOSE-1] the client does not reconnect after close code %i",
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

describe("a client that used too much", () => {
  it.each([4409, 4429])(
    "[P-CLOSE-1] the client reconnects 30 s or longer after close code %i, each time, and never gives up",
    async (code) => {
      const { client, gateway, clock, connected } = setUp();
      await connected();
      for (let round = 1; round <= 5; round++) {
        await clock.advance(8_000);
        await gateway.last.drop(code);
        expect(client.state.state).toBe("reconnecting");
        await clock.advance(29_900);
        expect(gateway.sockets).toHaveLength(round);
        await clock.advance(17_000);
        expect(gateway.sockets).toHaveLength(round + 1);
        await gateway.last.accept();
      }
    },
  );

  it("[P-CLOSE-1] no wake signal ends the wait after close code 4429", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.drop(4429);
    globalThis.dispatchEvent?.(new Event("online"));
    await clock.advance(29_900);
    expect(gateway.sockets).toHaveLength(1);
    await client.close();
  });
});

describe("the credential", () => {
  it("[P-CON-8] a new token is fetched after close code 4101, and the next connect carries it", async () => {
    let count = 0;
    const { gateway, clock, connected } = setUp({ token: async () => `token-${++count}` });
    await connected();
    await gateway.last.drop(4101);
    await clock.advance(1_000);
    expect(gateway.last.protocols[2]).toBe("milepost.token.token-2");
  });

  it("[P-CON-8] a token source that returns the expired token again opens no socket and is called with backoff", async () => {
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

  it("a fixed token that is revoked closes the client", async () => {
    const { client, gateway, connected } = setUp({ token: "fixed" });
    await connected();
    await gateway.last.drop(4102);
    expect(client.state).toMatchObject({ state: "closed", code: 4102, verdict: "reauthenticate" });
  });

  it("a token source that fails is called again after a wait", async () => {
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

  it.each([
    ["undefined", undefined],
    ["null", null],
    ["object", { access_token: "x" }],
    ["number", 42],
    ["an empty text", ""],
  ])(
    "a token source that returns %s is reported at once, opens no socket and is called again after a wait",
    async (kind, value) => {
      let given: unknown = value;
      for (const wrap of [(token: unknown) => token, (token: unknown) => Promise.resolve(token)]) {
        given = value;
        const { client, gateway, clock, errors } = setUp({ token: () => wrap(given) as string });
        client.connect();
        await settle();
        expect(client.state).toMatchObject({
          state: "reconnecting",
          reason: "token",
          message: expect.stringContaining(`returned ${kind}`),
        });
        expect(errors).toEqual([expect.objectContaining({ code: "unavailable" })]);
        expect(gateway.sockets).toHaveLength(0);
        given = "good";
        await clock.advance(1_000);
        expect(gateway.last.protocols).toContain("milepost.token.good");
        await client.close();
      }
    },
  );

  it.each([null, {}, 42, ""])(
    "a fixed token that is %j closes the client at once",
    async (token) => {
      const { client, gateway, errors } = setUp({ token: token as string });
      client.connect();
      await settle();
      expect(client.state).toMatchObject({
        state: "closed",
        code: 4401,
        reason: expect.stringContaining("`token` is "),
      });
      expect(errors).toEqual([expect.objectContaining({ code: "unauthenticated" })]);
      expect(gateway.sockets).toHaveLength(0);
    },
  );

  it("a token source that throws is reported at once, and is called again after a wait", async () => {
    const { client, clock, errors } = setUp({
      token: () => {
        throw new Error("signed out");
      },
    });
    client.connect();
    await settle();
    expect(client.state).toMatchObject({
      state: "reconnecting",
      reason: "token",
      message: "signed out",
    });
    await clock.advance(60_000);
    expect(errors.length).toBeGreaterThan(3);
    expect(errors.length).toBeLessThan(15);
  });

  it("a token source that never answers is reported after 20 s, does not count against the transport and leaves no timer", async () => {
    let calls = 0;
    const { client, gateway, clock, errors } = setUp({
      token: () => (++calls < 4 ? new Promise<string>(() => {}) : "good"),
    });
    client.connect();
    await clock.advance(19_999);
    expect(client.state.state).toBe("connecting");
    await clock.advance(1);
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "token" });
    expect(errors).toEqual([expect.objectContaining({ code: "timed_out" })]);
    await clock.advance(65_000);
    expect([calls, gateway.sockets.length]).toEqual([4, 1]);
    await client.close();
    expect(clock.timers).toBe(0);
  });

  it("a token that comes after its 20 s opens no socket of its own", async () => {
    const waiting: ((token: string) => void)[] = [];
    const { client, gateway, clock } = setUp({
      token: () => new Promise((resolve) => waiting.push(resolve)),
    });
    client.connect();
    await clock.advance(20_500);
    expect(waiting).toHaveLength(2);
    waiting[0]?.("late");
    await settle();
    expect(gateway.sockets).toHaveLength(0);
    waiting[1]?.("in-time");
    await settle();
    expect(gateway.last.protocols).toContain("milepost.token.in-time");
  });

  it("a renewal whose token source never answers is reported, and the connection stays open until it is closed", async () => {
    let calls = 0;
    const { client, gateway, clock, errors, connected } = setUp({
      token: () => (++calls === 2 ? new Promise<string>(() => {}) : `token-${calls}`),
    });
    await connected();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    await gateway.last.say({ type: "notice", code: "token_expiring" });
    await clock.advance(20_000);
    expect(errors).toEqual([expect.objectContaining({ code: "timed_out" })]);
    expect(client.state.state).toBe("connected");
    await gateway.last.drop(4101);
    await clock.advance(1_000);
    expect(gateway.last.protocols).toContain("milepost.token.token-3");
  });

  it.each([4101, 4102])(
    "[P-CON-8] close code %i rejects the token of the closed connection, not one that was fetched since",
    async (code) => {
      // A page that was frozen handles the notice and the close in one go.
      let token = "old";
      const { client, gateway, clock, connected } = setUp({ token: () => token });
      await connected();
      token = "new";
      await gateway.last.say({ type: "notice", code: "token_expiring" });
      expect(gateway.last.take("auth").token).toBe("new");
      await gateway.last.drop(code);
      await clock.advance(1_000);
      expect(gateway.last.protocols).toContain("milepost.token.new");
      await gateway.last.accept();
      expect(client.state.state).toBe("connected");
    },
  );

  it("[P-CON-8] a close after a renewal rejects the renewed token", async () => {
    let token = "old";
    const { gateway, clock, client, connected } = setUp({ token: () => token });
    await connected();
    token = "new";
    await gateway.last.say({ type: "notice", code: "token_expiring" });
    await gateway.last.reply(gateway.last.take("auth"), {});
    await gateway.last.drop(4102);
    await clock.advance(1_000);
    expect(gateway.sockets).toHaveLength(1);
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "token" });
    token = "newest";
    await clock.advance(20_000);
    expect(gateway.last.protocols).toContain("milepost.token.newest");
  });

  it("[P-CON-8] a token that the gateway did not accept as a renewal may still connect", async () => {
    let token = "old";
    const { gateway, clock, connected } = setUp({ token: () => token });
    await connected();
    token = "of-another-user";
    await gateway.last.say({ type: "notice", code: "token_expiring" });
    await gateway.last.refuse(gateway.last.take("auth"), { code: "forbidden" });
    await gateway.last.drop(4101);
    await clock.advance(1_000);
    expect(gateway.last.protocols).toContain("milepost.token.of-another-user");
  });

  it("[P-CON-8] none of several rejected tokens is offered again", async () => {
    const tokens = ["a", "b", "a", "b", "a", "c"];
    const { gateway, clock, connected } = setUp({ token: () => tokens.shift() ?? "c" });
    await connected();
    await gateway.last.drop(4102);
    await clock.advance(1_000);
    await gateway.last.drop(4102);
    await clock.advance(25_000);
    expect(gateway.sockets.map(({ protocols }) => protocols[2])).toEqual([
      "milepost.token.a",
      "milepost.token.b",
      "milepost.token.c",
    ]);
  });

  it("without onError, a failing token source is logged to the console and a listener's error is an uncaught error", async () => {
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

  it("a token source that rejects with a MilepostError that is not retryable closes the client", async () => {
    const { client } = setUp({
      token: () => Promise.reject(new MilepostError("unauthenticated", "signed out")),
    });
    client.connect();
    await settle();
    expect(client.state).toMatchObject({ state: "closed", code: 4401, reason: "signed out" });
  });

  it("[P-CON-8] the token is renewed on the open connection when the gateway announces that it expires", async () => {
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

  it("tokens that always expire soon are renewed at most once in 10 s", async () => {
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

  it("a failed renewal is reported, and the connection stays open", async () => {
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
  it("[P-CLOSE-3] a half-open connection is detected within two ping intervals of silence", async () => {
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

  it("a connection is not considered half open while any message arrives", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    for (let i = 0; i < 10; i++) {
      await clock.advance(20_000);
      await gateway.last.say({ type: "something_new" });
    }
    expect(client.state.state).toBe("connected");
  });

  it("after retryNow() the client closes a half-open connection within 5 s", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    client.retryNow();
    await settle();
    expect(gateway.last.count("ping")).toBe(1);
    await clock.advance(5_000);
    expect(client.state.state).toBe("reconnecting");
  });

  it("a connection that answers the ping of retryNow() stays open and is pinged at the usual interval", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    gateway.last.take("ping");
    client.retryNow();
    await settle();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    await clock.advance(35_000);
    expect(client.state.state).toBe("connected");
    expect(gateway.last.count("ping")).toBe(1);
    await clock.advance(25_000);
    expect(client.state.state).toBe("reconnecting");
  });
});

/** Page in which a test dispatches the events of the network and of visibility. */
function page() {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("window", window);
  vi.stubGlobal("document", document);
  return {
    tell(type: string) {
      (type === "visibilitychange" ? document : window).dispatchEvent(new Event(type));
    },
  };
}

describe("wake events of a page", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it.each([
    ["online", "offline"],
    ["offline"],
    ["online"],
    ["visibilitychange"],
    ["pageshow", "visibilitychange", "online"],
  ])(
    "a dead connection is found within 5 s although %s comes again and again",
    async (...types) => {
      const { tell } = page();
      const { client, gateway, clock, connected } = setUp();
      await connected();
      await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
      await clock.advance(20_000);
      for (let i = 0; i < 4; i++) {
        for (const type of types) tell(type);
        await settle();
        await clock.advance(i < 1 ? 4_000 : 300);
      }
      expect(client.state.state).toBe("connected");
      await clock.advance(100);
      expect(client.state).toMatchObject({ state: "reconnecting", reason: "heartbeat_lost" });
    },
  );

  it("retryNow() called all the time puts off neither the probe nor a regular heartbeat", async () => {
    const { client, clock, connected } = setUp();
    await connected();
    for (let ms = 0; ms < 5_000; ms += 100) {
      client.retryNow();
      await clock.advance(100);
    }
    expect(client.state.state).toBe("reconnecting");
  });

  it("a connection that answers stays open under any number of wake events, with one ping under way at most", async () => {
    const { tell } = page();
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    for (let i = 0; i < 100; i++) {
      for (let n = 0; n < 10; n++) tell("online");
      await settle();
      expect(gateway.last.count("ping")).toBeLessThanOrEqual(1);
      await gateway.last.say({ type: "pong" });
      gateway.last.sent.length = 0;
      await clock.advance(4_000);
    }
    expect(client.state.state).toBe("connected");
    expect(gateway.sockets).toHaveLength(1);
  });

  it("[P-CLOSE-3] a connection that dies after an answered probe is found within two ping intervals", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    await clock.advance(17_000);
    client.retryNow();
    await settle();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    await clock.advance(59_999);
    expect(client.state.state).toBe("connected");
    await clock.advance(1);
    expect(client.state.state).toBe("reconnecting");
  });
});

describe("messages of the gateway", () => {
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
  ])("[P-SRV-1] the connection survives %s from the gateway", async (_, frame) => {
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

  it("a binary frame where text is expected is reported and ignored", async () => {
    const { gateway, errors, client, connected } = setUp();
    await connected();
    await gateway.last.frame(new Uint8Array([1, 2, 3]).buffer);
    expect(errors).toEqual([expect.objectContaining({ code: "bad_message" })]);
    expect(client.state.state).toBe("connected");
  });

  it("the notices degraded and restored set and clear the connection state's degraded flag", async () => {
    const { gateway, client, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "notice", code: "degraded" });
    expect(client.state).toMatchObject({ state: "connected", degraded: true });
    await gateway.last.say({ type: "notice", code: "restored" });
    expect(client.state).toMatchObject({ state: "connected", degraded: false });
  });

  it("[P-MSG-4] a ping of the gateway is answered with a pong", async () => {
    const { gateway, connected } = setUp();
    await connected();
    await gateway.last.say({ type: "ping" });
    expect(gateway.last.count("pong")).toBe(1);
  });
});

describe("listeners of the connection state", () => {
  it("no listener is called inside the call that causes a change, and one that throws does not disturb the others", async () => {
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

  it("a removed listener is not called", async () => {
    const { client } = setUp();
    const heard: string[] = [];
    const stop = client.onState((state) => heard.push(state.state));
    client.connect();
    stop();
    await settle();
    expect(heard).toEqual([]);
  });
});

describe("closing the client", () => {
  it("close rejects pending requests, closes the socket and leaves no timer behind", async () => {
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

  it("leaving an `await using` block closes the client", async () => {
    const { client, gateway, connected } = setUp();
    await connected();
    await client[Symbol.asyncDispose]();
    expect(gateway.openSockets).toBe(0);
  });

  it("close during the reconnect wait cancels the reconnect", async () => {
    const { client, gateway, clock, connected } = setUp();
    await connected();
    await gateway.last.drop();
    await client.close();
    await clock.advance(100_000);
    expect(gateway.sockets).toHaveLength(1);
  });

  it("close while a token is being fetched opens no socket afterwards", async () => {
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

  it("a client uses one timer for any number of pending calls", async () => {
    const { client, clock, connected } = setUp();
    await connected();
    for (let i = 0; i < 100; i++) client.request("operations.list").catch(() => {});
    expect(clock.timers).toBe(1);
    await client.close();
    expect(clock.timers).toBe(0);
  });
});

describe("connection metrics", () => {
  it("metrics count connects and messages, and measure the round trip", async () => {
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

  it("onMetrics notifies at most once a second, and only while it has listeners", async () => {
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
