import { SeededRandom } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { resumeOf } from "../testing/resume-of.ts";
import { testCore } from "../testing/test-core.ts";
import { newConnectionId } from "./connection-id.ts";

const bare = { personal: "bare" } as const;

function byId(a: { readonly id?: unknown }, b: { readonly id?: unknown }): number {
  return Number(a.id) - Number(b.id);
}

describe("a bare plain client", () => {
  test("[P-PERS-1] a client that asks for nothing receives what is sent to everyone, its user, its session and its connection", async () => {
    await using t = testCore();
    const principal = t.user("7", { session: "s1" });
    const socket = t.connect({ principal, ...bare }, "plain");
    await t.clock.settle();
    const [welcome, ...started] = socket.take();
    const id = String(welcome?.connection_id);
    const own = ["broadcast", "user:7", "session:s1", `connection:${id}`];
    expect(started.map(({ type, channel }) => [type, channel]).sort()).toEqual(
      own.map((channel) => ["subscribed", channel]).sort(),
    );
    for (const channel of own) await t.publish(channel, "said", { in: channel });
    for (const channel of ["user:8", "session:s2", "connection:other"]) {
      await t.publish(channel, "said", { in: channel });
    }
    await t.clock.settle();
    const said = socket.take();
    expect(said.map(({ channel }) => channel).sort()).toEqual([...own].sort());
    // The cursor of the last message names every channel.
    const cursor = String(said.at(-1)?.event_id);
    for (const channel of own) expect(cursor).toContain(`${channel}@`);
  });

  test("[P-PERS-1] a pattern without a value and a channel that the rules refuse are skipped without a word", async () => {
    const refusing = {
      pattern: "broadcast",
      subscribe: "nobody",
      publish: "granted",
      retention: { maxEntries: 10, maxAgeMs: 60_000 },
    } as const;
    await using t = testCore({ rules: [refusing] });
    const socket = t.connect({ principal: t.user("a b"), ...bare }, "plain");
    await t.clock.settle();
    const [, ...rest] = socket.take();
    expect(rest.map(({ type, channel }) => [type, String(channel).split(":")[0]]).sort()).toEqual([
      ["subscribed", "connection"],
      ["subscribed", "user"],
    ]);
    expect(rest.find(({ channel }) => String(channel).startsWith("user"))).toMatchObject({
      channel: "user:a~20b",
    });
  });

  test("[P-PERS-2] autoSubscribe names the channels, and an invalid pattern is refused with the fix", async () => {
    await using t = testCore({ autoSubscribe: ["system:news", "user:{user}:alerts"] });
    const socket = t.connect({ principal: t.user("7"), ...bare }, "plain");
    await t.clock.settle();
    const channels = socket.take().flatMap(({ channel }) => channel ?? []);
    expect(channels).toEqual(["system:news", "user:7:alerts"]);
    expect(() => testCore({ autoSubscribe: ["user:{name}"] })).toThrow(/use \{user\}/);
    expect(() => testCore({ autoSubscribe: ["no spaces"] })).toThrow(/no channel name/);
  });

  test("[P-PERS-3] a subscribe to a personal channel is answered as usual, and no entry is lost or doubled by it", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user("7"), ...bare }, "plain");
    await t.clock.settle();
    socket.take();
    await t.publish("broadcast", "n", 1);
    socket.send({ type: "subscribe", id: 1, channel: "broadcast" });
    socket.send({ type: "subscribe", id: 2, channel: "user:7" });
    await t.publish("broadcast", "n", 2);
    await t.clock.settle();
    const got = socket.take();
    expect(got.filter(({ type }) => type === "n").map(({ data }) => data)).toEqual([1, 2]);
    const replies = got.filter(({ type }) => type === "reply").sort(byId);
    expect(replies.map(({ id, error }) => [id, error])).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
    socket.send({ type: "subscribe", id: 3, channel: "broadcast" });
    socket.send({ type: "unsubscribe", id: 4, channel: "user:7" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { id: 3, error: { code: "already_subscribed" } },
      { id: 4, result: { channel: "user:7" } },
    ]);
  });

  test("[P-PERS-4] a client that comes back with its connection id and cursor receives all it missed, on another node too", async () => {
    await using t = testCore();
    const principal = t.user("7", { session: "s1" });
    const first = t.connect({ principal, ...bare }, "plain");
    await t.clock.settle();
    const greeting = first.take();
    const id = String(greeting[0]?.connection_id);
    const resume = resumeOf(greeting.at(-1)?.event_id);
    first.drop();
    await t.clock.settle();
    const own = ["broadcast", "user:7", "session:s1", `connection:${id}`];
    for (const channel of own) await t.publish(channel, "missed", { in: channel });
    const back = t.connect({ principal, ...bare, connectionId: id, resume }, "plain");
    await t.clock.settle();
    const got = back.take();
    expect(got[0]).toMatchObject({ type: "welcome", connection_id: id });
    expect(
      got
        .filter(({ type }) => type === "missed")
        .map(({ channel }) => channel)
        .sort(),
    ).toEqual([...own].sort());
    expect(got.filter(({ type }) => type === "subscribed")).toEqual(
      own.map(() => expect.objectContaining({ recovered: true })),
    );
  });

  test("[P-PERS-4] the connection id of another person gives nothing away", async () => {
    await using t = testCore();
    const victim = newConnectionId(t.user("7"), new SeededRandom());
    await t.publish(`connection:${victim}`, "secret", 1);
    const thief = t.connect({ principal: t.user("8"), ...bare, connectionId: victim }, "plain");
    await t.clock.settle();
    const [welcome] = thief.take();
    expect(welcome?.connection_id).not.toBe(victim);
    thief.send({ type: "subscribe", id: 1, channel: `connection:${victim}` });
    await t.clock.settle();
    expect(thief.take()).toMatchObject([{ id: 1, error: { code: "forbidden" } }]);
  });

  test("[P-PERS-5] a cursor of other channels alone resumes those and adds no personal channel", async () => {
    await using t = testCore();
    const { position } = await t.publish("system:news", "n", 1);
    const resume = resumeOf(`system:news@${position}`);
    const socket = t.connect({ principal: t.user("7"), ...bare, resume }, "plain");
    await t.clock.settle();
    expect(socket.take().flatMap(({ channel }) => channel ?? [])).toEqual(["system:news"]);
    const all = t.connect({ principal: t.user("7"), personal: "always", resume }, "plain");
    await t.clock.settle();
    expect(all.take().flatMap(({ channel }) => channel ?? [])).toHaveLength(4);
  });
});

describe("pings of the server", () => {
  test("[P-CLOSE-3] a bare WebSocket gets a ping message with its cursor, and its pong messages show that it is alive", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user("7"), ...bare }, "plain");
    await t.clock.settle();
    socket.take();
    for (let minutes = 0; minutes < 5; minutes++) {
      await t.clock.advance(30_000);
      expect(socket.take()).toEqual([
        {
          type: "ping",
          event_id: expect.stringContaining("user:7@"),
          timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      ]);
      socket.send({ type: "pong", event_id: "made by the client", timestamp: "whenever" });
      await t.clock.settle();
    }
    expect(socket.closed).toBeUndefined();
    await t.clock.advance(61_000);
    expect(socket.closed).toMatchObject({ code: 4003 });
  });
});
