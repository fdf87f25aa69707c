import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { ticketFetch } from "../transport/ticket-fetch.ts";

function setUp(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const errors: unknown[] = [];
  let count = 0;
  const client = createClient({
    url: "ws://gateway.test/ws",
    ticket: async () => `ticket-${++count}`,
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
    onError: (error) => errors.push(error),
    ...options,
  });
  const connected = async () => {
    client.connect();
    await settle();
    await gateway.last.accept();
  };
  return { clock, gateway, client, errors, connected, issued: () => count };
}

describe("a client with tickets", () => {
  it("[P-TICK-6] each connect has a new ticket in the address, and no token anywhere", async () => {
    const { gateway, clock, connected } = setUp({ token: "never-sent" });
    await connected();
    for (const n of [1, 2]) {
      const { url, protocols } = gateway.last;
      expect(new URL(url).searchParams.get("ticket")).toBe(`ticket-${n}`);
      expect(protocols).toEqual(["milepost.v1.json.short", "milepost.v1.json"]);
      expect(gateway.last.sent.filter(({ type }) => type === "auth")).toEqual([]);
      await gateway.last.drop(4101);
      await settle();
      await clock.advance(1_000);
      await settle();
      await gateway.last.accept();
    }
  });

  it("[P-TICK-6] a notice that the authority ends renews nothing on the open connection", async () => {
    const { gateway, connected, issued } = setUp();
    await connected();
    await gateway.last.say({ type: "notice", code: "token_expiring", expires_at: 1 });
    await settle();
    expect(issued()).toBe(1);
    expect(gateway.last.sent.filter(({ type }) => type === "auth")).toEqual([]);
  });

  it("[P-TICK-6] a refused ticket is followed by another one, and the client does not give up", async () => {
    const { gateway, clock, client } = setUp();
    client.connect();
    await settle();
    await gateway.last.drop(4401, "unauthenticated");
    await settle();
    expect(client.state.state).toBe("reconnecting");
    await clock.advance(1_000);
    await settle();
    expect(new URL(gateway.last.url).searchParams.get("ticket")).toBe("ticket-2");
    await gateway.last.accept();
    expect(client.state.state).toBe("connected");
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("offline")), /offline/],
    ["returns an empty text", () => "", /`ticket` returned an empty text/],
    ["returns an object", () => ({ ticket: "x" }) as never, /`ticket` returned object/],
  ])(
    "a ticket function that %s is reported, and called again after a wait",
    async (_, ticket, says) => {
      const { client, errors, gateway } = setUp({ ticket });
      client.connect();
      await settle();
      expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(says) })]);
      expect(client.state).toMatchObject({ state: "reconnecting", reason: "token" });
      expect(gateway.sockets).toHaveLength(0);
    },
  );
});

describe("HTTP calls with tickets", () => {
  it("[P-TICK-6] the first call of a connection has the ticket of its connect, and every other call a new one", async () => {
    const calls: { url: string; headers: Record<string, string> }[] = [];
    let count = 0;
    const fetch = ticketFetch(
      async (url, { headers }) => {
        calls.push({ url, headers });
        return new Response("");
      },
      () => `fresh-${++count}`,
    );
    const { signal } = new AbortController();
    const call = (path: string, token?: string) =>
      fetch(`http://gateway.test${path}`, {
        headers: { Accept: "x", ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
        signal,
        cache: "no-store",
      });
    await call("/ws/sse?sdk=a", "?one");
    await call("/ws/connections/-/messages", "?one");
    await call("/ws/poll?wait=1", "?two");
    await call("/ws/poll?wait=1", "?two");
    await call("/health");
    expect(calls.map(({ url }) => url.slice("http://gateway.test".length))).toEqual([
      "/ws/sse?sdk=a&ticket=one",
      "/ws/connections/-/messages?ticket=fresh-1",
      "/ws/poll?wait=1&ticket=two",
      "/ws/poll?wait=1&ticket=fresh-2",
      "/health",
    ]);
    for (const { headers } of calls) expect(headers).toEqual({ Accept: "x" });
  });
});
