import { createHmac } from "node:crypto";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { Guests } from "../auth/guests.ts";
import { apiKey, startGateway, tokenSecret } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const claim = async () => true;
const retention = { maxEntries: 100, maxAgeMs: 60_000 };
const rules = [
  { pattern: "lobby:*", subscribe: "anyone", publish: "guests", retention },
  { pattern: "users:*", subscribe: "authenticated", publish: "granted", retention },
] as const;

describe("guests", () => {
  test("[P-GUEST-1] a page without a token becomes a guest, and is the same guest again with its token, at every door", async () => {
    await using server = await startGateway({ guests: true, rules });
    const socket = await server.socket("/ws?guest=true", { token: null });
    const welcome = await socket.next();
    expect(welcome).toMatchObject({ type: "welcome", user_id: null, session_id: null });
    const { guest_id: id, guest_token: token } = welcome;
    expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
    const ways = [
      () => server.socket(`/ws?token=${token}`, { token: null }),
      () => server.socket("/ws", { token }),
      () => server.socket("/ws", { token: null, subprotocols: [`milepost.token.${token}`] }),
    ];
    for (const open of ways) {
      const opened = await open();
      const again = await opened.next();
      opened.ws.close();
      await opened.closed;
      expect(again).toMatchObject({ guest_id: id, user_id: null });
      expect(again.guest_token).toBeUndefined();
    }
    const inBand = await server.socket("/ws", { token: null });
    inBand.send({ type: "auth", token });
    expect(await inBand.next()).toMatchObject({ type: "welcome", guest_id: id });
    inBand.ws.close();
    await inBand.closed;
    const stream = await TestStream.open(
      `${server.url}/v1/sse?channels=guest:${id}&token=${token}`,
    );
    expect(await stream.nextOf("welcome")).toMatchObject({ guest_id: id });
    stream.cut();
    const fresh = await TestStream.open(`${server.url}/v1/sse?channels=lobby:a&guest=true`);
    expect((await fresh.nextOf("welcome")).guest_token).toMatch(/^mpguest\./);
    fresh.cut();
    const poll = `/v1/poll?channels=guest:${id}&wait=0&token=${token}`;
    expect((await server.call("GET", poll, { credential: null })).status).toBe(200);
  });

  test("[P-GUEST-1] POST /v1/guests makes a guest without a credential, and its token works in a header", async () => {
    await using server = await startGateway({ guests: true, rules });
    const made = await server.call("POST", "/v1/guests", { credential: null });
    expect(made).toMatchObject({ status: 201, body: { guest_id: /.+/, token: /^mpguest\./ } });
    expect(made.headers.get("cache-control")).toContain("no-store");
    const body = { channel: "lobby:a", event: "hello", data: 1 };
    const credential = made.body.token;
    expect((await server.call("POST", "/v1/publish", { credential, body })).status).toBe(200);
    const ticket = await server.call("POST", "/v1/tickets", { credential });
    const socket = await server.socket(`/ws?ticket=${ticket.body.ticket}`, { token: null });
    expect(await socket.next()).toMatchObject({ guest_id: made.body.guest_id });
  });

  test("[P-GUEST-6] a page may choose the name of its guest, and no other page gets that name", async () => {
    await using server = await startGateway({ guests: true, rules });
    const claimed = (name: unknown) =>
      server.call("POST", "/v1/guests", { credential: null, body: { claim: name } });
    const name = "user_1700000000000_k3j9x0q2z";
    const made = await claimed(name);
    expect(made).toMatchObject({ status: 201, body: { guest_id: name } });
    const socket = await server.socket("/ws", { token: made.body.token });
    expect(await socket.next()).toMatchObject({ guest_id: name });
    const taken = { status: 409, body: { code: "already_exists" } };
    expect(await claimed(name)).toMatchObject(taken);
    await server.call("POST", "/v1/guests", { body: { name: "of-a-backend" } });
    server.gateway.mintGuest("of-the-program");
    expect(await claimed("of-a-backend")).toMatchObject(taken);
    expect(await claimed("of-the-program")).toMatchObject(taken);
    const own = await server.call("POST", "/v1/guests", { credential: null });
    for (const wrong of [own.body.guest_id, "", "x".repeat(1_025), 7]) {
      expect(await claimed(wrong)).toMatchObject({ status: 400, body: { code: "bad_message" } });
    }
  });

  test("[P-GUEST-6] of many pages that choose the same name at the same moment, exactly one gets it", async () => {
    await using server = await startGateway({ guests: true });
    const body = { claim: "user_at_once" };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        server.call("POST", "/v1/guests", { credential: null, body }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)]);
  });

  test("[P-GUEST-2] a guest reads its own channels and what rules open to guests by name, and nothing that is open to users", async () => {
    await using server = await startGateway({ guests: true, rules });
    const socket = await server.socket("/ws?guest=true", { token: null });
    const { guest_id: id } = await socket.next();
    const outcome = async (channel: string) => {
      socket.send({ type: "subscribe", id: channel, channel });
      const reply = await socket.nextOf("reply");
      return reply.error?.code ?? "subscribed";
    };
    for (const channel of [`guest:${id}`, `guest:${id}:news`, "lobby:a"]) {
      expect(await outcome(channel)).toBe("subscribed");
    }
    for (const channel of [
      `user:${id}`,
      `session:${id}`,
      `user:guest~3A${id}`,
      "guest:another",
      "broadcast",
      "system:a",
      "users:a",
      "chat:1",
    ]) {
      expect(await outcome(channel)).toBe("forbidden");
    }
    await server.gateway.publish(`guest:${id}`, "hello", 1);
    expect(await socket.nextOf("hello")).toMatchObject({ channel: `guest:${id}` });
    const user = await server.socket();
    await user.next();
    user.send({ type: "subscribe", id: 1, channel: `guest:${id}` });
    expect(await user.nextOf("reply")).toMatchObject({ error: { code: "forbidden" } });
  });

  test("[P-GUEST-2] a guest may call only methods that are open to anyone", async () => {
    const handler = () => "done";
    await using server = await startGateway({
      guests: true,
      methods: { "shop.open": { access: "anyone", handler }, "shop.buy": { handler } },
    });
    const socket = await server.socket("/ws?guest=true", { token: null });
    await socket.next();
    socket.send({ type: "request", id: 1, method: "shop.open" });
    expect(await socket.nextOf("reply")).toMatchObject({ result: "done" });
    socket.send({ type: "request", id: 2, method: "shop.buy" });
    expect(await socket.nextOf("reply")).toMatchObject({ error: { code: "forbidden" } });
  });

  test.each(["guest:abc", "GUEST:abc", "guest:"])(
    "[P-GUEST-3] a token with the subject %s is refused at every door, whether guests are admitted or not",
    async (user) => {
      for (const guests of [true, false]) {
        await using server = await startGateway({ guests });
        const token = await server.gateway.mintToken({ user }).catch(() => undefined);
        if (token === undefined) continue;
        expect(await (await server.socket("/ws", { token })).closed).toMatchObject({ code: 4401 });
        const call = await server.call("GET", "/v1/operations", { credential: token });
        expect(call).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
        const ticket = await server.call("POST", "/v1/tickets", { body: { user } });
        expect(ticket.status).toBe(400);
      }
    },
  );

  test("[P-GUEST-3] a token of a guest that was forged, changed or has expired is refused, and so is any where guests are not admitted", async () => {
    await using server = await startGateway({ guests: true });
    const { body } = await server.call("POST", "/v1/guests", { credential: null });
    const [head, id, expiry, mac] = (body.token as string).split(".");
    const later = (Date.now() + 9e12).toString(36).slice(0, 11);
    const forge = (key: string) =>
      createHmac("sha256", key).update(`mpguest.${id}.${later}`).digest("base64url");
    for (const wrong of [
      `${head}.${id}.${later}.${mac}`,
      `${head}.${"A".repeat(22)}.${expiry}.${mac}`,
      `${head}.${id}.${later}.${forge(tokenSecret)}`,
      `${head}.${id}.${later}.${forge("")}`,
      `${head}.${id}.${expiry}.`,
      `${head}.${id}.${expiry}`,
      `${body.token}A`,
      "mpguest.",
    ]) {
      expect(
        await (await server.socket(`/ws?token=${wrong}`, { token: null })).closed,
      ).toMatchObject({
        code: 4401,
      });
    }
    await using off = await startGateway();
    for (const path of [`/ws?token=${body.token}`, "/ws?guest=true"]) {
      expect(await (await off.socket(path, { token: null })).closed).toMatchObject({ code: 4401 });
    }
    expect((await off.call("POST", "/v1/guests", { credential: null })).status).toBe(404);
    const clock = new ManualClock();
    const guests = new Guests(
      { ttlMs: 1_000 },
      { clock, random: new SeededRandom(), tokenSecret, claim },
    );
    const { token } = guests.issue(undefined);
    expect(guests.verify(token)).toMatchObject({ kind: "user", user: undefined });
    await clock.advance(1_000);
    expect(() => guests.verify(token)).toThrow(expect.objectContaining({ code: "token_expired" }));
  });

  test("[P-GUEST-4] an address may make 30 guests at once and then one every 2 s; other addresses are not affected", async () => {
    const clock = new ManualClock();
    const guests = new Guests({}, { clock, random: new SeededRandom(), tokenSecret, claim });
    const limited = expect.objectContaining({ code: "rate_limited", retryAfterMs: 2_000 });
    for (let n = 0; n < 30; n++) guests.issue("a");
    expect(() => guests.issue("a")).toThrow(limited);
    guests.issue("b");
    await clock.advance(2_000);
    guests.issue("a");
    expect(() => guests.issue("a")).toThrow(limited);
    for (let n = 0; n < 100; n++) guests.issue(undefined);
  });

  test("[P-GUEST-4] addresses that are forgotten have their whole burst, and many addresses do not reset one that is used up", async () => {
    const clock = new ManualClock();
    const guests = new Guests({}, { clock, random: new SeededRandom(), tokenSecret, claim });
    for (let n = 0; n < 30; n++) guests.issue("a");
    for (let n = 0; n < 9_999; n++) guests.issue(`other-${n}`);
    expect(() => guests.issue("one more")).toThrow(
      expect.objectContaining({ code: "rate_limited" }),
    );
    expect(() => guests.issue("a")).toThrow(expect.objectContaining({ code: "rate_limited" }));
    await clock.advance(2_000);
    guests.issue("one more");
  });

  test("[P-GUEST-4] guests behind a trusted proxy are limited by the address that it names", async () => {
    await using server = await startGateway({ guests: true, trustedProxies: ["127.0.0.1"] });
    const status = async (address: string) =>
      (
        await server.call("POST", "/v1/guests", {
          credential: null,
          headers: { "X-Forwarded-For": address },
        })
      ).status;
    for (let n = 0; n < 30; n++) expect(await status("203.0.113.7")).toBe(201);
    expect(await status("203.0.113.7")).toBe(429);
    expect(await status("203.0.113.8")).toBe(201);
  });

  test("[P-GUEST-5] a backend names a guest, whose id is the encoded name, at the HTTP API and in the same program", async () => {
    await using server = await startGateway({ guests: true, rules });
    const name = "user_1730000000000_ab@c";
    const made = await server.call("POST", "/v1/guests", { body: { name } });
    const id = "user_1730000000000_ab~40c";
    expect(made).toMatchObject({ status: 201, body: { guest_id: id } });
    for (const token of [made.body.token, server.gateway.mintGuest(name).token]) {
      const socket = await server.socket("/ws", { token });
      expect(await socket.next()).toMatchObject({ guest_id: id, user_id: null });
      socket.send({ type: "subscribe", id: 1, channel: `guest:${id}` });
      expect(await socket.nextOf("reply")).toMatchObject({ result: { channel: `guest:${id}` } });
      socket.send({ type: "subscribe", id: 2, channel: "guest:another" });
      expect(await socket.nextOf("reply")).toMatchObject({ error: { code: "forbidden" } });
    }
  });

  test("[P-GUEST-5] nobody without an API key of the scope names a guest, and no name takes over a guest of the gateway", async () => {
    await using server = await startGateway({
      guests: true,
      auth: {
        tokenSecret,
        apiKeys: [
          { name: "all", key: apiKey },
          { name: "publisher", key: "key-of-a-publisher-only", scopes: ["publish"] },
        ],
      },
    });
    const name = "user_1730000000000_abc";
    const outcome = async (credential: string | null, given = name) => {
      const { status, body } = await server.call("POST", "/v1/guests", {
        credential,
        body: { name: given },
      });
      return [status, body.code];
    };
    const { body: guest } = await server.call("POST", "/v1/guests", { credential: null });
    expect(await outcome(null)).toEqual([401, "unauthenticated"]);
    expect(await outcome(await server.token())).toEqual([403, "forbidden"]);
    expect(await outcome(guest.token)).toEqual([403, "forbidden"]);
    expect(await outcome("key-of-a-publisher-only")).toEqual([403, "forbidden"]);
    expect(await outcome(apiKey, guest.guest_id)).toEqual([400, "bad_message"]);
    expect(await outcome(apiKey, "")).toEqual([400, "bad_message"]);
    expect(await outcome(apiKey, "x".repeat(1_025))).toEqual([400, "bad_message"]);
    expect(() => server.gateway.mintGuest(guest.guest_id)).toThrow(
      expect.objectContaining({ code: "bad_message" }),
    );
    await using off = await startGateway();
    expect(() => off.gateway.mintGuest(name)).toThrow(
      expect.objectContaining({ code: "not_supported" }),
    );
  });
});
