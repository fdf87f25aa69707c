import { describe, expect, test } from "vitest";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

async function open(t: TestCore, user: string, connectionId?: string) {
  const options = connectionId === undefined ? {} : { connectionId };
  const socket = t.connect({ principal: t.user(user), ...options });
  await t.clock.settle();
  const welcome = socket.take().find(({ type }) => type === "welcome");
  return { socket, id: String(welcome?.connection_id) };
}

async function subscribe(t: TestCore, socket: TestSocket, channel: string) {
  socket.send({ type: "subscribe", id: 1, channel });
  await t.clock.settle();
  return socket.take().find(({ type }) => type === "reply");
}

describe("a connection's own channel", () => {
  test("[P-RULE-5] [M3] a connection's own channel can be read by that connection alone, and only services publish to it", async () => {
    await using t = testCore();
    const own = await open(t, "ada");
    const other = await open(t, "ada");
    const channel = `connection:${own.id}`;
    expect(await subscribe(t, own.socket, channel)).toMatchObject({ result: { channel } });
    expect(await subscribe(t, other.socket, channel)).toMatchObject({
      error: { code: "forbidden" },
    });
    await expect(t.core.channels.history(t.user("ada"), channel)).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(t.core.channels.publish(t.user("ada"), channel, "e", 1)).rejects.toMatchObject({
      code: "forbidden",
    });
    await t.publish(channel, "hello", 1);
    await t.clock.settle();
    expect(own.socket.take()).toMatchObject([{ type: "event", channel, event: "hello" }]);
    expect(other.socket.take()).toEqual([]);
  });

  test("[P-RULE-5] a connection keeps its own channel when its token is renewed, and so does a connection that takes over its id", async () => {
    await using t = testCore();
    const { socket, id } = await open(t, "ada");
    const channel = `connection:${id}`;
    await subscribe(t, socket, channel);
    socket.send({ type: "auth", id: 2, token: t.token(t.user("ada")) });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ type: "reply", id: 2, result: {} }]);
    const next = await open(t, "ada", id);
    expect(next.id).toBe(id);
    expect(await subscribe(t, next.socket, channel)).toMatchObject({ result: { channel } });
  });

  test("[P-RULE-5] a connection's own channel keeps entries for five minutes", async () => {
    await using t = testCore();
    await t.publish("connection:c", "e", 1);
    await t.clock.advance(299_000);
    expect((await t.core.channels.history(t.service, "connection:c")).entries).toHaveLength(1);
    await t.clock.advance(2_000);
    expect((await t.core.channels.history(t.service, "connection:c")).entries).toEqual([]);
  });
});
