import { describe, expect, test } from "vitest";
import { PresenceReader, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const channel = "chat:1";
const grants = { subscribe: ["chat:*"], publish: [] };

async function enter(t: TestCore, user: string | undefined, session?: string) {
  const socket = t.connect({ principal: t.user(user, { session, grants }) });
  socket.send({ type: "subscribe", id: "in", channel, presence: true });
  await t.clock.settle();
  return { socket, reader: new PresenceReader(socket, channel) };
}

async function leave(t: TestCore, socket: TestSocket) {
  socket.send({ type: "unsubscribe", id: "out", channel });
  await t.clock.settle();
}

async function present(t: TestCore) {
  return (await t.core.presence.list(t.service, channel)).members?.map(({ id }) => id);
}

describe("presence in a channel", () => {
  test("[P-PRES-1] presence is offered where the rule says so, and is not_supported elsewhere", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user("ada") });
    await t.clock.settle();
    for (const message of [
      { type: "subscribe", id: 1, channel: "user:ada", presence: true },
      { type: "request", id: 1, method: "presence.get", params: { channel: "user:ada" } },
      {
        type: "request",
        id: 1,
        method: "presence.typing",
        params: { channel: "user:ada", typing: true },
      },
    ]) {
      socket.take();
      socket.send(message);
      await t.clock.settle();
      expect(socket.take()).toMatchObject([{ id: 1, error: { code: "not_supported" } }]);
    }
    await expect(t.core.presence.list(t.service, "user:ada")).rejects.toMatchObject({
      code: "not_supported",
    });
    expect(t.core.stats().subscriptions).toBe(0);
  });

  test("[P-PRES-2] the reply to a presence subscribe lists all members including the new one, and the others are notified", async () => {
    await using t = testCore();
    const ada = await enter(t, "ada");
    expect(ada.socket.take().at(-1)).toMatchObject({
      id: "in",
      result: {
        channel,
        presence: {
          count: 1,
          members: [{ id: "user:ada", user_id: "ada", since: t.clock.now() }],
          typing: [],
        },
      },
    });
    await t.clock.advance(1_000);
    const bob = await enter(t, "bob");
    expect(bob.reader.ids).toEqual(["user:ada", "user:bob"]);
    await t.clock.advance(1_000);
    expect(ada.socket.take()).toMatchObject([
      { type: "presence", channel, joined: [{ id: "user:bob" }], left: [], count: 2 },
    ]);
    expect(ada.reader.list).toEqual(bob.reader.list);
  });

  test("[P-PRES-2] a subscription without presence does not receive the members and is not listed", async () => {
    await using t = testCore();
    const quiet = t.connect({ principal: t.user("eve", { grants }), channels: [channel] });
    await enter(t, "ada");
    await t.clock.advance(1_000);
    expect(quiet.received().some((message) => message.type === "presence")).toBe(false);
    expect(quiet.received().at(-1)).not.toHaveProperty("presence");
    expect(await present(t)).toEqual(["user:ada"]);
  });

  test("[P-PRES-2] a presence subscribe is forbidden without permission to subscribe", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user("eve") });
    socket.send({ type: "subscribe", id: 1, channel, presence: true });
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ id: 1, error: { code: "forbidden" } });
    expect(await present(t)).toEqual([]);
  });

  test("[P-PRES-3] two tabs of a user are one member, from the first subscribe to the last unsubscribe", async () => {
    await using t = testCore();
    const watcher = await enter(t, "bob");
    const first = await enter(t, "ada", "s1");
    const second = await enter(t, "ada", "s2");
    await t.clock.advance(500);
    expect(watcher.reader.ids).toEqual(["user:bob", "user:ada"]);
    expect(second.reader.list?.count).toBe(2);
    await leave(t, first.socket);
    await t.clock.advance(500);
    expect(watcher.reader.ids).toEqual(["user:bob", "user:ada"]);
    expect(watcher.reader.messages).toBe(1);
    await leave(t, second.socket);
    await t.clock.advance(500);
    expect(watcher.reader.ids).toEqual(["user:bob"]);
    expect(watcher.reader.messages).toBe(2);
  });

  test("[P-PRES-3] a subscriber without a user is listed by its session; without both it sees the members but is not listed", async () => {
    await using t = testCore();
    const guest = await enter(t, undefined, "s9");
    expect(guest.reader.list?.members).toMatchObject([{ id: "session:s9", session_id: "s9" }]);
    const nobody = await enter(t, undefined);
    expect(nobody.reader.ids).toEqual(["session:s9"]);
    await leave(t, guest.socket);
    await t.clock.advance(500);
    expect(nobody.reader.list?.count).toBe(0);
    await enter(t, "ada");
    await t.clock.advance(500);
    expect(nobody.reader.ids).toEqual(["user:ada"]);
    expect(nobody.reader.isLost).toBe(false);
  });

  test("[P-PRES-4] a member whose connection is lost leaves after 5 s, unless it reconnects before", async () => {
    await using t = testCore();
    const watcher = await enter(t, "bob");
    const ada = await enter(t, "ada");
    await t.clock.advance(500);
    ada.socket.drop();
    await t.clock.advance(4_000);
    expect(watcher.reader.ids).toEqual(["user:bob", "user:ada"]);
    const again = await enter(t, "ada");
    await t.clock.advance(10_000);
    expect(watcher.reader.ids).toEqual(["user:bob", "user:ada"]);
    expect(watcher.reader.messages).toBe(1);
    again.socket.drop();
    await t.clock.advance(4_900);
    expect(watcher.reader.list?.count).toBe(2);
    await t.clock.advance(500);
    expect(watcher.reader.ids).toEqual(["user:bob"]);
  });

  test("[P-PRES-4] when a member loses two connections one after the other, the grace period counts from the last", async () => {
    await using t = testCore();
    const watcher = await enter(t, "bob");
    const tabs = [await enter(t, "ada"), await enter(t, "ada")];
    tabs[0]?.socket.drop();
    await t.clock.advance(4_000);
    tabs[1]?.socket.drop();
    await t.clock.advance(4_000);
    expect(watcher.reader.list?.count).toBe(2);
    await t.clock.advance(2_000);
    expect(watcher.reader.ids).toEqual(["user:bob"]);
  });

  test("[P-PRES-4] a member leaves at once when its last subscription ends, and the others are notified", async () => {
    await using t = testCore({ limits: { presenceGraceMs: 60_000 } });
    const watcher = await enter(t, "bob");
    const ada = await enter(t, "ada");
    await t.clock.advance(500);
    await leave(t, ada.socket);
    expect(await present(t)).toEqual(["user:bob"]);
    await t.clock.advance(300);
    expect(watcher.reader.ids).toEqual(["user:bob"]);
  });

  test("[P-PRES-4] a member that unsubscribes and subscribes again in one frame stays present", async () => {
    await using t = testCore();
    const watcher = await enter(t, "bob");
    const ada = await enter(t, "ada");
    await t.clock.advance(500);
    ada.socket.send([
      { type: "unsubscribe", id: 1, channel },
      { type: "subscribe", id: 2, channel, presence: true },
    ]);
    await t.clock.advance(1_000);
    expect(watcher.reader.messages).toBe(1);
    expect(ada.reader.ids).toEqual(["user:bob", "user:ada"]);
  });

  test("[P-PRES-4] a connection that answers no pings is detected as dead, and its member leaves", async () => {
    await using t = testCore();
    const watcher = await enter(t, "bob");
    await enter(t, "ada");
    for (let s = 0; s < 60; s += 10) {
      await t.clock.advance(10_000);
      watcher.socket.pong();
    }
    expect(watcher.reader.ids).toEqual(["user:bob", "user:ada"]);
    await t.clock.advance(6_000);
    expect(watcher.reader.ids).toEqual(["user:bob"]);
  });

  test("[P-PRES-2] presence ends when the channel ends", async () => {
    await using t = testCore();
    const { socket } = await enter(t, "ada");
    expect(await present(t)).toEqual(["user:ada"]);
    await t.core.channels.end(t.service, channel);
    await t.clock.settle();
    expect(socket.received().at(-1)).toMatchObject({ type: "end", channel });
    expect(await present(t)).toEqual([]);
    const again = await enter(t, "ada");
    await t.clock.settle();
    expect(again.socket.received().at(-1)).toMatchObject({ type: "end", channel });
    expect(await present(t)).toEqual([]);
  });

  test("[P-PRES-9] a new token that does not allow the channel ends the member's presence at once", async () => {
    await using t = testCore();
    const watcher = await enter(t, "bob");
    const ada = await enter(t, "ada");
    await t.clock.advance(500);
    ada.socket.take();
    ada.socket.send({ type: "auth", id: 7, token: t.token(t.user("ada")) });
    await t.clock.advance(300);
    expect(ada.socket.take()).toMatchObject([
      { type: "unsubscribed", channel, reason: "forbidden" },
      { id: 7, result: {} },
    ]);
    expect(watcher.reader.ids).toEqual(["user:bob"]);
    await leave(t, watcher.socket);
    await t.clock.advance(500);
    expect(ada.socket.take()).toEqual([]);
  });

  test("[P-PRES-9] everyone who may subscribe can read the members without being listed, and others are forbidden", async () => {
    await using t = testCore();
    const { reader } = await enter(t, "ada");
    const asking = t.connect({ principal: t.user("eve", { grants }) });
    const stranger = t.connect({ principal: t.user("joe") });
    for (const socket of [asking, stranger]) {
      socket.send({ type: "request", id: 1, method: "presence.get", params: { channel } });
    }
    await t.clock.settle();
    expect(asking.take().at(-1)).toEqual({
      type: "reply",
      id: 1,
      result: { channel, ...reader.list },
    });
    expect(stranger.take().at(-1)).toMatchObject({ error: { code: "forbidden" } });
    expect(await t.core.presence.list(t.service, channel)).toEqual({ channel, ...reader.list });
  });

  test("no timer is kept for a channel once all its members have left", async () => {
    await using t = testCore();
    const idle = t.clock.pendingTimers;
    for (let n = 0; n < 20; n++) {
      const socket = t.connect({ principal: t.user("ada", { grants }) });
      socket.send({ type: "subscribe", id: 1, channel: `chat:${n}`, presence: true });
      await t.clock.settle();
      socket.drop();
    }
    await t.clock.advance(60_000);
    expect(t.clock.pendingTimers).toBeLessThanOrEqual(idle + 1);
    expect(t.faults).toEqual([]);
  });
});
