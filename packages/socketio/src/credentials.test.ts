import { describe, expect, test } from "vitest";
import { apiKey, type Page, startBridged } from "./testing/bridged-gateway.ts";

/** Resolves with what the page is told when its connect is refused. */
async function refusal(page: Page): Promise<unknown> {
  const error = await page.next("connect_error");
  return error.data?.code ?? error.message;
}

describe("the credential of a page", () => {
  test("a page without a valid token is refused in the middleware, and is told why", async () => {
    await using node = await startBridged();
    const good = await node.token();
    for (const [auth, code] of [
      [{}, "unauthenticated"],
      [{ token: "" }, "unauthenticated"],
      [{ token: 7 }, "unauthenticated"],
      [{ token: {} }, "unauthenticated"],
      [{ token: "x".repeat(20_000) }, "unauthenticated"],
      [{ token: `${good}x` }, "unauthenticated"],
      [{ token: "two words/and=signs" }, "unauthenticated"],
      [{ token: apiKey }, "unauthenticated"],
      [{ token: good, sessionId: "another" }, "forbidden"],
    ] as const) {
      const page = node.page({ auth, reconnection: false });
      expect([auth, await refusal(page)]).toEqual([auth, code]);
      expect(page.socket.active).toBe(false);
      page.socket.disconnect();
    }
    expect(node.bridge.getConnectedUsersCount()).toBe(0);
    expect(node.bridge.stats().refused.credential).toBe(9);
  });

  test("a token may come as auth: {token}, with Bearer before it, or in a header, with its own session", async () => {
    await using node = await startBridged();
    const token = await node.token("ann@example.com", { session: "s1" });
    for (const options of [
      { auth: { token, sessionId: "s1" } },
      { auth: { token: `Bearer ${token}` } },
      { extraHeaders: { Authorization: `Bearer ${token}` } },
    ]) {
      const page = node.page(options);
      expect(await page.next("milepost:ready")).toMatchObject({
        user: "ann@example.com",
        session: "s1",
        channels: expect.arrayContaining(["user:ann~40example.com", "session:s1"]),
      });
      page.socket.disconnect();
    }
  });

  test("a page with a token joins as its own user only, and gets nothing of another user's room", async () => {
    await using node = await startBridged();
    const page = node.page({ auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    for (const payload of [{ userId: "8" }, "8", { userId: "guest:7" }, { user_id: "user:7" }]) {
      const answer = await page.socket.emitWithAck("client:join", payload);
      expect([payload, answer.error.code]).toEqual([payload, "forbidden"]);
      expect(await page.next("error")).toMatchObject({ code: "forbidden" });
    }
    for (const payload of [{}, null, 7, "", [], { userId: { toString: "7" } }, "x".repeat(2_000)]) {
      const answer = await page.socket.emitWithAck("client:join", payload);
      expect(answer.error.code).toBe("bad_message");
    }
    expect((await page.socket.emitWithAck("client:subscribe", "user:8")).error.code).toBe(
      "forbidden",
    );
    expect(await page.socket.emitWithAck("client:join", "7")).toMatchObject({
      ok: true,
      userId: "7",
    });
    await node.gateway.publish("user:8", "secret", "for 8 alone");
    await node.gateway.publish("user:7", "after", 1);
    await page.next("after");
    expect(page.all("secret")).toEqual([]);
  });

  test("a page reads and leaves other channels that its token allows", async () => {
    await using node = await startBridged();
    const token = await node.token("7", { channels: { subscribe: ["chat:*"], publish: [] } });
    const page = node.page({ auth: { token } });
    await page.next("milepost:ready");
    expect(await page.socket.emitWithAck("client:subscribe", "build:1")).toMatchObject({
      error: { code: "forbidden" },
    });
    expect(await page.socket.emitWithAck("client:subscribe", "not a name")).toMatchObject({
      error: { code: "invalid_channel" },
    });
    expect(await page.socket.emitWithAck("client:subscribe", "chat:1")).toMatchObject({ ok: true });
    await node.gateway.publish("chat:1", "hello", 1);
    expect(await page.next("hello")).toBe(1);
    page.cut();
    await page.next("disconnect");
    await node.gateway.publish("chat:1", "hello", 2);
    expect(await page.next("hello")).toBe(2);
    expect(page.socket.recovered).toBe(true);
    await page.socket.emitWithAck("client:unsubscribe", "chat:1");
    await node.gateway.publish("chat:1", "hello", 3);
    await node.gateway.publish("user:7", "after", 1);
    await page.next("after");
    expect(page.all("hello")).toEqual([1, 2]);
  });

  test("a page renews its token without a reconnect", async () => {
    await using node = await startBridged();
    const page = node.page({ auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    const renewed = await page.socket.emitWithAck("client:auth", { token: await node.token("7") });
    expect(renewed).toEqual({ ok: true });
    const other = await page.socket.emitWithAck("client:auth", { token: await node.token("8") });
    expect(other.error.code).toBe("forbidden");
  });
});

describe("a guest", () => {
  const guests = { gateway: { guests: true }, bridge: { guests: true } };
  const userId = "user_1730000000000_k3j9x2a1b";

  test("[P-GUEST-5] a page without a token joins with the id that it has made, and gets what is published to its guest's channel", async () => {
    await using node = await startBridged(guests);
    const page = node.page();
    await page.next("connect");
    expect(node.bridge.getConnectedUsersCount()).toBe(0);
    expect(await page.socket.emitWithAck("client:join", { userId })).toEqual({
      ok: true,
      userId: `guest:${userId}`,
      channels: [`guest:${userId}`],
    });
    expect(node.bridge.getConnectedUsersCount()).toBe(1);
    await node.gateway.publish(`guest:${userId}`, "queue:position", { position: 1, total: 2 });
    expect(await page.next("queue:position")).toEqual({ position: 1, total: 2 });
    for (const again of [userId, { userId: `guest:${userId}` }]) {
      expect(await page.socket.emitWithAck("client:join", again)).toMatchObject({ ok: true });
    }
    const other = await page.socket.emitWithAck("client:join", { userId: "user_17_another_one" });
    expect(other.error.code).toBe("forbidden");
  });

  test("a guest whose connection is cut recovers before it joins again, whatever characters its id has", async () => {
    await using node = await startBridged(guests);
    const page = node.page();
    await page.next("connect");
    const { userId: guest } = await page.socket.emitWithAck("client:join", "zoë~@example.com;,");
    await page.next("milepost:ready");
    page.cut();
    await page.next("disconnect");
    await node.gateway.publish(guest, "step", 1);
    expect(await page.next("step")).toBe(1);
    expect(page.socket.recovered).toBe(true);
    const again = await page.socket.emitWithAck("client:join", "zoë~@example.com;,");
    expect(again).toMatchObject({ ok: true, userId: guest });
  });

  test("two joins at the same moment open one guest, and the second one must name the same", async () => {
    await using node = await startBridged(guests);
    const page = node.page();
    await page.next("connect");
    const answers = await Promise.all([
      page.socket.emitWithAck("client:join", userId),
      page.socket.emitWithAck("client:join", "user_17_another_one"),
    ]);
    expect(answers).toMatchObject([{ ok: true }, { ok: false, error: { code: "forbidden" } }]);
  });

  test("[P-GUEST-5] no page joins as a guest of the gateway without its token, and with the token it does", async () => {
    await using node = await startBridged(guests);
    const made = await fetch(`${node.url}/v1/guests`, { method: "POST" });
    const { guest_id: id, token } = (await made.json()) as { guest_id: string; token: string };
    const thief = node.page();
    await thief.next("connect");
    expect(await thief.socket.emitWithAck("client:join", id)).toMatchObject({
      error: { code: "bad_message" },
    });
    const page = node.page({ auth: { token } });
    await page.next("connect");
    expect(await page.socket.emitWithAck("client:join", `guest:${id}`)).toMatchObject({ ok: true });
    await node.gateway.publish(`guest:${id}`, "hello", 1);
    expect(await page.next("hello")).toBe(1);
    expect(thief.all("hello")).toEqual([]);
  });

  test("a page without a token that does not join in time is told so and disconnected", async () => {
    await using node = await startBridged({
      ...guests,
      bridge: { guests: true, limits: { joinTimeoutMs: 50 } },
    });
    const page = node.page();
    expect(await page.next("error")).toMatchObject({ code: "unauthenticated" });
    expect(await page.next("disconnect")).toBe("io server disconnect");
  });
});
