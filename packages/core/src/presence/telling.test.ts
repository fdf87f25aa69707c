import { describe, expect, test } from "vitest";
import { PresenceReader, type TestCore, testCore } from "../testing/index.ts";

const channel = "chat:1";
const grants = { subscribe: ["*"], publish: ["*"] };

async function enter(t: TestCore, user: string, dialect: "json" | "plain" = "json") {
  const socket = t.connect({ principal: t.user(user, { grants }) }, dialect);
  socket.send({ type: "subscribe", id: "in", channel, presence: true });
  await t.clock.settle();
  return { socket, reader: new PresenceReader(socket, channel) };
}

async function sorted(t: TestCore) {
  const { channel: _, ...list } = await t.core.presence.list(t.service, channel);
  return list;
}

describe("presence messages", () => {
  test("[P-PRES-5] a thousand members that join at once cause few messages, and all watchers have the same list", async () => {
    await using t = testCore();
    const watcher = await enter(t, "ada");
    const others = Array.from({ length: 999 }, (_, n) => {
      const socket = t.connect({ principal: t.user(`u${n}`, { grants }) });
      // Most sockets are stalled, since reading all of their messages takes longer than the rest of the test.
      if (n % 100 > 0) socket.stall();
      socket.send({ type: "subscribe", id: "in", channel, presence: true });
      return new PresenceReader(socket, channel);
    });
    await t.clock.advance(1_000);
    expect(watcher.reader.messages).toBeGreaterThan(0);
    expect(watcher.reader.list).toEqual(await sorted(t));
    expect(watcher.reader.list?.members).toHaveLength(1_000);
    expect(watcher.reader.messages).toBeLessThanOrEqual(3);
    for (const reader of others.filter((_, n) => n % 100 === 0)) {
      expect(reader.list).toEqual(watcher.reader.list);
    }
  });

  test("[P-PRES-5] a watcher receives at most one presence message in 250 ms, and each continues the list that the watcher has", async () => {
    await using t = testCore();
    const watcher = await enter(t, "ada");
    const times: number[] = [];
    let seen = 0;
    for (let n = 0; n < 100; n++) {
      await enter(t, `u${n}`);
      await t.clock.advance(25);
      const messages = watcher.socket.received().filter(({ type }) => type === "presence");
      if (messages.length > seen) times.push(t.clock.monotonic());
      expect(messages.length - seen).toBeLessThanOrEqual(1);
      seen = messages.length;
    }
    await t.clock.advance(500);
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(225);
    expect(seen).toBeGreaterThan(5);
    expect(watcher.reader.list).toEqual(await sorted(t));
    expect(watcher.reader.isLost).toBe(false);
  });

  for (const presence of ["members", "count"] as const) {
    test(`[P-PRES-5] no watcher is sent a version that it has, whenever it begins to watch (${presence})`, async () => {
      const retention = { maxEntries: 10, maxAgeMs: 1_000 };
      const open = { subscribe: "granted", publish: "granted" } as const;
      await using t = testCore({ rules: [{ pattern: "chat:*", ...open, retention, presence }] });
      const watchers: Awaited<ReturnType<typeof enter>>[] = [];
      for (let n = 0; n < 60; n++) {
        watchers.push(await enter(t, `u${n}`));
        if (n % 7 === 3) {
          watchers[n - 2]?.socket.send({ type: "unsubscribe", id: "out", channel });
          await t.clock.settle();
        }
        await t.clock.advance((n * 31) % 110);
      }
      await t.clock.advance(1_000);
      for (const { socket } of watchers) {
        const versions = socket.received().flatMap((message) => {
          const { version } =
            (message.result as { presence?: { version: number } } | undefined)?.presence ??
            (message as { version?: number });
          return version === undefined ? [] : [version];
        });
        expect(versions.length).toBeGreaterThan(0);
        expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
      }
      const last = watchers.at(-1)?.reader;
      expect(last?.list).toEqual(await sorted(t));
    });
  }

  test("[P-PRES-5] a member that joins and leaves between two presence messages is not listed after them", async () => {
    await using t = testCore();
    const watcher = await enter(t, "ada");
    await enter(t, "bob");
    await t.clock.advance(60);
    for (let n = 0; n < 3; n++) {
      const { socket } = await enter(t, "eve");
      socket.send({ type: "unsubscribe", id: "out", channel });
      await t.clock.settle();
    }
    const late = await enter(t, "joe");
    await t.clock.advance(500);
    expect(watcher.reader.ids).toEqual(["user:ada", "user:bob", "user:joe"]);
    expect(watcher.reader.messages).toBe(2);
    expect(late.reader.list).toEqual(watcher.reader.list);
  });

  test("[P-PRES-5] in the plain dialect a presence change is the same message, in a frame of its own", async () => {
    await using t = testCore();
    const { socket } = await enter(t, "ada", "plain");
    await enter(t, "bob");
    await t.clock.advance(300);
    expect(socket.received().at(-1)).toMatchObject({
      type: "presence",
      channel,
      joined: [{ id: "user:bob" }],
      left: [],
      count: 2,
    });
  });

  test("[P-PRES-6] a slow reader receives the whole current list when it reads again, however much has changed", async () => {
    await using t = testCore();
    const slow = await enter(t, "ada");
    const quick = await enter(t, "bob");
    slow.socket.stall();
    const filling = { pad: "x".repeat(100_000) };
    for (let n = 0; n < 4; n++) {
      await t.publish(channel, "fill", filling);
      await t.clock.settle();
    }
    const waiting = slow.socket.bufferedBytes;
    for (let n = 0; n < 200; n++) {
      const { socket } = await enter(t, `u${n % 50}`);
      if (n % 3 === 0) socket.send({ type: "unsubscribe", id: "out", channel });
      await t.clock.advance(100);
    }
    expect(slow.socket.bufferedBytes).toBe(waiting);
    expect(slow.socket.closed).toBeUndefined();
    slow.socket.resume();
    await t.clock.advance(1_000);
    expect(slow.reader.list).toEqual(quick.reader.list);
    expect(slow.reader.list).toEqual(await sorted(t));
    expect(slow.reader.messages).toBeLessThanOrEqual(4);
    expect(slow.reader.isLost).toBe(false);
    await enter(t, "joe");
    await t.clock.advance(300);
    expect(slow.reader.ids).toContain("user:joe");
  });

  test("[P-PRES-7] members beyond a thousand are only counted, and the list holds those who are present longest", async () => {
    await using t = testCore();
    const watcher = await enter(t, "ada");
    const sockets = Array.from({ length: 1_005 }, (_, n) => {
      const socket = t.connect({ principal: t.user(`u${n}`, { grants }) });
      socket.stall();
      socket.send({ type: "subscribe", id: "in", channel, presence: true });
      return socket;
    });
    await t.clock.advance(1_000);
    expect(watcher.reader.list).toEqual(await sorted(t));
    expect(watcher.reader.list).toMatchObject({ count: 1_006 });
    expect(watcher.reader.ids).toHaveLength(1_000);
    for (const n of [3, 4, 1_004]) sockets[n]?.send({ type: "unsubscribe", id: "out", channel });
    await t.clock.advance(1_000);
    expect(watcher.reader.list).toMatchObject({ count: 1_003 });
    expect(watcher.reader.ids).toHaveLength(1_000);
    expect(watcher.reader.list).toEqual(await sorted(t));
  });

  test("[P-PRES-7] where the rule offers only the count, no member is named and typing is not_supported", async () => {
    const retention = { maxEntries: 10, maxAgeMs: 1_000 };
    const rule = {
      pattern: "chat:*",
      subscribe: "granted",
      publish: "granted",
      retention,
    } as const;
    await using t = testCore({ rules: [{ ...rule, presence: "count" }] });
    const watcher = await enter(t, "ada");
    await enter(t, "bob");
    const { socket } = await enter(t, "joe");
    await t.clock.advance(500);
    expect(JSON.stringify(watcher.socket.received())).not.toMatch(/bob|joe/);
    expect(watcher.reader.list).toMatchObject({ count: 3, typing: [] });
    expect(watcher.reader.list).not.toHaveProperty("members");
    expect(await sorted(t)).toEqual(watcher.reader.list);
    const params = { channel, typing: true };
    socket.send({ type: "request", id: 5, method: "presence.typing", params });
    await t.clock.settle();
    expect(socket.received().at(-1)).toMatchObject({ id: 5, error: { code: "not_supported" } });
  });
});

describe("typing in a channel", () => {
  const type = async (
    t: TestCore,
    socket: Awaited<ReturnType<typeof enter>>["socket"],
    typing = true,
  ) => {
    const params = { channel, typing };
    socket.send({ type: "request", id: 1, method: "presence.typing", params });
    await t.clock.settle();
    return socket.received().findLast(({ id }) => id === 1);
  };

  test("[P-PRES-8] typing is shown while it is refreshed, and ends 6 s after the last refresh", async () => {
    await using t = testCore();
    const watcher = await enter(t, "ada");
    const bob = await enter(t, "bob");
    await t.clock.advance(500);
    expect(await type(t, bob.socket)).toMatchObject({ result: { channel, typing: true } });
    await t.clock.advance(500);
    expect(watcher.reader.list?.typing).toEqual(["user:bob"]);
    const messages = watcher.reader.messages;
    for (let n = 0; n < 5; n++) {
      await t.clock.advance(3_000);
      await type(t, bob.socket);
    }
    expect(watcher.reader.list?.typing).toEqual(["user:bob"]);
    expect(watcher.reader.messages).toBe(messages);
    await t.clock.advance(5_500);
    expect(watcher.reader.list?.typing).toEqual(["user:bob"]);
    await t.clock.advance(1_000);
    expect(watcher.reader.list?.typing).toEqual([]);
    expect((await t.core.channels.history(t.service, channel)).entries).toEqual([]);
  });

  test("[P-PRES-8] typing ends when the member reports its end, and when the member leaves", async () => {
    await using t = testCore();
    const watcher = await enter(t, "ada");
    const bob = await enter(t, "bob");
    await type(t, bob.socket);
    await t.clock.advance(500);
    await type(t, bob.socket, false);
    await t.clock.advance(500);
    expect(watcher.reader.list?.typing).toEqual([]);
    await type(t, bob.socket);
    await t.clock.advance(500);
    expect(watcher.reader.list?.typing).toEqual(["user:bob"]);
    bob.socket.send({ type: "unsubscribe", id: "out", channel });
    await t.clock.advance(500);
    expect(watcher.reader.list).toMatchObject({ count: 1, typing: [] });
  });

  test("[P-PRES-8] a member that reports typing a thousand times causes few messages", async () => {
    await using t = testCore();
    const watcher = await enter(t, "ada");
    const bob = await enter(t, "bob");
    await t.clock.advance(500);
    const before = watcher.socket.received().length;
    for (let n = 0; n < 1_000; n++) {
      await type(t, bob.socket, n % 2 === 1);
      await t.clock.advance(1);
    }
    await t.clock.advance(500);
    expect(watcher.socket.received().length - before).toBeLessThanOrEqual(6);
    expect(watcher.reader.list?.typing).toEqual(["user:bob"]);
  });

  test("[P-PRES-8] only a member that is present can type", async () => {
    await using t = testCore();
    await enter(t, "ada");
    const eve = t.connect({ principal: t.user("eve", { grants }) });
    expect(await type(t, eve)).toMatchObject({ error: { code: "not_subscribed" } });
    const nobody = t.connect({ principal: t.user(undefined, { grants }) });
    expect(await type(t, nobody)).toMatchObject({ error: { code: "not_subscribed" } });
    const stranger = t.connect({ principal: t.user("joe") });
    expect(await type(t, stranger)).toMatchObject({ error: { code: "forbidden" } });
  });
});
