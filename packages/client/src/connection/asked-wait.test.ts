import { afterEach, describe, expect, it, vi } from "vitest";
import type { ClientOptions } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";

function setUp(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: () => "t",
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
    onError: () => {},
    ...options,
  });
  client.connect();
  return { clock, gateway, client };
}

/** Returns a `fetch` that gives each call the same answer, and the times of the calls. */
function answering(clock: () => ManualClock, answer: () => Response) {
  const times: number[] = [];
  const fetch = async () => {
    times.push(clock().monotonic());
    return answer();
  };
  return { times, fetch };
}

const early = {
  type: "reply",
  id: null,
  error: { code: "token_not_yet_valid", message: "wait", retryable: true, retry_after_ms: 30_000 },
};

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a wait that the gateway asks for before the welcome", () => {
  it("[P-CON-12] a client whose token is not valid yet offers it again once it has begun, and connects", async () => {
    const { client, gateway, clock } = setUp();
    await settle();
    gateway.last.open();
    await gateway.last.say(early);
    await gateway.last.drop(1013, "token_not_yet_valid");
    expect(client.state).toMatchObject({
      state: "reconnecting",
      retryAt: clock.now() + 30_500,
      message: "token_not_yet_valid",
    });
    await clock.advance(30_499);
    expect(gateway.sockets).toHaveLength(1);
    await clock.advance(1);
    await gateway.last.accept();
    expect(client.state.state).toBe("connected");
    expect(gateway.last.protocols).toContain("milepost.token.t");
  });

  it("a wait of 25 days is cut to an hour, so that a mistake keeps no client offline", async () => {
    const { gateway, clock } = setUp();
    await settle();
    gateway.last.open();
    await gateway.last.say({
      ...early,
      error: { ...early.error, retry_after_ms: 25 * 86_400_000 },
    });
    await gateway.last.drop(1013);
    await clock.advance(3_600_000);
    expect(gateway.sockets).toHaveLength(1);
    await clock.advance(500);
    expect(gateway.sockets).toHaveLength(2);
  });

  it.each(["-5", '"soon"', "null", "1e400"])("a wait of %s counts as none", async (wait) => {
    const { client, gateway, clock } = setUp();
    await settle();
    gateway.last.open();
    const text = JSON.stringify({ ...early, error: { ...early.error, retry_after_ms: "X" } });
    await gateway.last.frame(text.replace('"X"', wait));
    await gateway.last.drop(1013);
    expect(client.state).toMatchObject({ state: "reconnecting", retryAt: clock.now() + 500 });
  });

  it("the wait of one attempt does not apply to the next one", async () => {
    const { client, gateway, clock } = setUp();
    await settle();
    gateway.last.open();
    await gateway.last.say(early);
    await gateway.last.drop(1013);
    await clock.advance(30_500);
    gateway.last.open();
    await gateway.last.drop(1013);
    expect(client.state).toMatchObject({ state: "reconnecting", retryAt: clock.now() + 1_000 });
  });

  it("wake events do not end such a wait, but retryNow() does", async () => {
    const window = new EventTarget();
    vi.stubGlobal("window", window);
    vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "visible" }));
    const { client, gateway, clock } = setUp();
    await settle();
    gateway.last.open();
    await gateway.last.say(early);
    await gateway.last.drop(1013);
    for (let i = 0; i < 5; i++) {
      window.dispatchEvent(new Event("online"));
      await clock.advance(4_000);
    }
    expect(gateway.sockets).toHaveLength(1);
    client.retryNow();
    await settle();
    expect(gateway.sockets).toHaveLength(2);
    await gateway.last.drop();
    window.dispatchEvent(new Event("online"));
    await settle();
    expect(gateway.sockets).toHaveLength(3);
  });
});

describe("a renewal of the token", () => {
  it("[P-CON-12] a renewal with a token that is not valid yet is repeated once it has begun", async () => {
    let count = 0;
    const { client, gateway, clock } = setUp({ token: () => `token-${++count}` });
    await settle();
    await gateway.last.accept();
    await gateway.last.say({ type: "pong" }, { type: "notice", code: "token_expiring" });
    await gateway.last.refuse(gateway.last.take("auth"), early.error);
    await clock.advance(9_000);
    await gateway.last.say({ type: "pong" });
    await clock.advance(20_999);
    expect(gateway.last.count("auth")).toBe(0);
    await clock.advance(1);
    const again = gateway.last.take("auth");
    expect(again.token).toBe("token-3");
    await gateway.last.reply(again, {});
    expect(client.state.state).toBe("connected");
  });
});

describe.each(["sse", "poll"] as const)("HTTP answers over %s", (transport) => {
  const problem = (status: number, code: string, more: object = {}) =>
    new Response(
      JSON.stringify({ type: `urn:milepost:error:${code}`, title: "t", status, code, ...more }),
      { status, headers: { "Content-Type": "application/problem+json" } },
    );

  async function callsWithin(ms: number, answer: () => Response) {
    let clock = new ManualClock();
    const { times, fetch } = answering(() => clock, answer);
    const at = setUp({ transports: [transport], fetch });
    clock = at.clock;
    // The transport's code is loaded on demand, which takes real time.
    while (times.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await settle();
    await clock.advance(ms);
    const { state } = at.client;
    await at.client.close();
    return { times, state };
  }

  it.each([
    ["of the gateway that is not retryable", () => problem(429, "too_many_subscriptions")],
    ["of the gateway", () => problem(429, "rate_limited")],
    ["of a proxy", () => new Response("<html>slow down</html>", { status: 429 })],
    ["of a proxy, in JSON", () => new Response('{"code":"TOO_MANY"}', { status: 429 })],
  ])(
    "after a 429 %s the client waits at least 30 s each time, and does not give up",
    async (_, answer) => {
      const { times, state } = await callsWithin(600_000, answer);
      expect(state.state).not.toBe("closed");
      expect(times.length).toBeGreaterThan(10);
      for (const [i, time] of times.slice(1).entries()) {
        expect(time - (times[i] ?? 0)).toBeGreaterThanOrEqual(30_000);
      }
    },
  );

  it.each([429, 503])("after a %i the client waits as long as Retry-After says", async (status) => {
    const { times } = await callsWithin(
      250_000,
      () => new Response("", { status, headers: { "Retry-After": "100" } }),
    );
    expect(times.length).toBeLessThanOrEqual(3);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(100_000);
  });

  it("a Retry-After with a date counts from the date of the answer", async () => {
    const { times } = await callsWithin(130_000, () => {
      const headers = {
        Date: "Sun, 29 Nov 2026 20:00:00 GMT",
        "Retry-After": "Sun, 29 Nov 2026 20:02:00 GMT",
      };
      return new Response("", { status: 503, headers });
    });
    expect(times).toHaveLength(2);
  });

  it("a Retry-After of 25 days does not make a loop of calls", async () => {
    const { times } = await callsWithin(
      3_000,
      () => new Response("", { status: 429, headers: { "Retry-After": String(25 * 86_400) } }),
    );
    expect(times).toHaveLength(1);
  });

  it("[P-CON-12] a client whose token is not valid yet tries again once it has begun", async () => {
    const { times, state } = await callsWithin(31_000, () =>
      problem(401, "token_not_yet_valid", { retryable: true, retry_after_ms: 30_000 }),
    );
    expect(times).toHaveLength(2);
    expect(times[1]).toBeGreaterThanOrEqual(30_000);
    expect(state.state).not.toBe("closed");
  });
});
