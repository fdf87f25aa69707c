import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { InboxNews, UserPrincipal } from "../index.ts";
import { type TestCore, testCore } from "../testing/index.ts";

const question = { kind: "question", data: { prompt: "Deploy?" } } as const;

/** Subscribes a user to the own inbox. */
async function open(t: TestCore, principal: UserPrincipal) {
  const channel = `inbox:${principal.user}`;
  const socket = t.connect({ principal, channels: [channel] });
  await t.clock.settle();
  const subscribed = socket.take().find(({ type }) => type === "subscribed");
  return {
    started: subscribed?.snapshot,
    /** Data of the events so far. */
    events: () =>
      socket
        .received()
        .filter(({ type }) => type === "event")
        .map(({ data }) => data),
  };
}

describe("inbox", () => {
  test("[P-INB-1] a notification gets into the inbox of its user once, by either door", async () => {
    await using t = testCore();
    const ada = t.user("ada");
    await t.core.channels.notify(t.service, "ada", { id: "n1", message: "hello" });
    await t.core.channels.notify(t.service, "ada", { id: "n1", message: "hello" });
    await t.publish("user:ada", "notification", { id: "n2", type: "error", message: "disk full" });
    await t.publish("user:ada", "notification", { message: "no id" }, "k");
    await t.publish("user:ada", "notification", { message: "no id" }, "k");
    await t.publish("user:ada", "other", { message: "no notification" });
    const { items, counts } = await t.core.inbox.list(ada, "ada");
    expect(items).toMatchObject([
      { kind: "notification", data: { level: "info", message: "no id" } },
      { id: "n2", data: { id: "n2", level: "error", message: "disk full" } },
      { id: "n1", data: { id: "n1", level: "info", message: "hello" } },
    ]);
    expect(counts).toEqual({ total: 3, unread: 3, open: 0, snoozed: 0 });
  });

  test("[P-INB-1] the inbox of a user whose id is encoded in channel names is that of the id", async () => {
    await using t = testCore();
    await t.core.channels.notify(t.service, "ann@example.com", { message: "hello" });
    const ann = t.user("ann@example.com");
    expect((await t.core.inbox.list(ann, "ann@example.com")).items).toHaveLength(1);
    // The channel's name has a hash of such an id.
    const long = "é".repeat(300);
    await t.core.channels.notify(t.service, long, { id: "n1", message: "hello" });
    await t.core.channels.notify(t.service, long, { id: "n1", message: "hello" });
    expect((await t.core.inbox.list(t.user(long), long)).items).toHaveLength(1);
  });

  test("[P-INB-6] a subscriber of the inbox starts with its state and sees every change", async () => {
    await using t = testCore();
    const ada = t.user("ada");
    await t.core.channels.notify(t.service, "ada", { id: "n1", message: "one" });
    const socket = await open(t, ada);
    expect(socket.started).toMatchObject({
      projection: "inbox",
      state: { revision: 1, counts: { unread: 1 }, items: [{ id: "n1" }] },
    });
    await t.core.inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    await t.core.inbox.read(ada, "ada", ["n1"]);
    await t.core.inbox.close({ users: ["ada"] }, "q1", "answered");
    await t.clock.advance(100);
    expect(socket.events()).toMatchObject([
      { revision: 2, counts: { unread: 2, open: 1 }, items: [{ id: "q1", kind: "question" }] },
      { revision: 3, marks: [{ id: "n1", revision: 3, read_at: expect.any(Number) }] },
      { revision: 4, counts: { open: 0 }, gone: [{ id: "q1", reason: "answered" }] },
    ]);
  });

  test("[P-INB-5] a question closes in every inbox, and a put that comes late does not bring it back", async () => {
    await using t = testCore();
    const to = { users: ["ada", "bo"] };
    await t.core.inbox.put(to, { id: "q1", ...question });
    expect((await t.core.inbox.list(t.user("bo"), "bo")).counts).toMatchObject({ open: 1 });
    await t.core.inbox.close(to, "q1", "answered");
    await t.core.inbox.put(to, { id: "q1", ...question });
    for (const user of to.users) {
      expect((await t.core.inbox.list(t.user(user), user)).items).toEqual([]);
    }
  });

  test("[P-INB-2] a sender learns that an inbox is full of open questions", async () => {
    await using t = testCore({ limits: { maxInboxItems: 2 } });
    const put = (id: string) => t.core.inbox.put({ users: ["ada"] }, { id, ...question });
    await put("a");
    await put("b");
    await expect(put("c")).rejects.toMatchObject({ code: "store_full" });
    await t.core.channels.notify(t.service, "ada", { id: "n", message: "m" });
    const { items } = await t.core.inbox.list(t.user("ada"), "ada");
    expect(items.map(({ id }) => id)).toEqual(["n", "b", "a"]);
  });

  test("[P-INB-3] an item that was read stays read: after a second put, a snooze and a later read", async () => {
    await using t = testCore();
    const { inbox } = t.core;
    const ada = t.user("ada");
    await inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    await inbox.read(ada, "ada", ["q1", "unknown"]);
    const readAt = (await inbox.list(ada, "ada")).items[0]?.read_at;
    expect(readAt).toBeTypeOf("number");
    await inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    await inbox.snooze(ada, "ada", ["q1"], { for_ms: 5_000 });
    await t.clock.advance(6_000);
    await inbox.read(ada, "ada", "all");
    const { items, counts } = await inbox.list(ada, "ada");
    expect(items).toMatchObject([{ id: "q1", read_at: readAt }]);
    expect(counts).toMatchObject({ total: 1, unread: 0 });
  });

  test("[P-INB-8] an inbox is closed to other users, sessions and keys without the scope", async () => {
    await using t = testCore();
    const { inbox } = t.core;
    await inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    const keyed = (allowed: boolean) =>
      ({ kind: "service", name: "key", scopes: { allow: () => allowed } }) as const;
    const others = [t.user("bo"), t.user(undefined, { session: "ada" }), keyed(false)];
    for (const other of others) {
      const refused = { code: "forbidden" };
      await expect(inbox.list(other, "ada")).rejects.toMatchObject(refused);
      await expect(inbox.read(other, "ada", "all")).rejects.toMatchObject(refused);
      const snooze = inbox.snooze(other, "ada", ["q1"], { for_ms: 1 });
      await expect(snooze).rejects.toMatchObject(refused);
    }
    expect((await inbox.list(keyed(true), "ada")).items).toHaveLength(1);
    const socket = t.connect({ principal: t.user("bo") });
    socket.send({ type: "subscribe", id: 1, channel: "inbox:ada" });
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ id: 1, error: { code: "forbidden" } });
    await expect(t.publish("inbox:ada", "inbox", {})).rejects.toMatchObject({ code: "forbidden" });
  });

  test("[P-INB-4] a snoozed item comes back by itself at its time on every connection", async () => {
    await using t = testCore();
    const ada = t.user("ada");
    await t.core.inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    const sockets = [await open(t, ada), await open(t, ada)];
    const until = t.clock.now() + 20_000;
    await t.core.inbox.snooze(ada, "ada", ["q1"], { until: new Date(until).toISOString() });
    expect((await t.core.inbox.list(ada, "ada")).items).toEqual([]);
    await t.clock.advance(19_000);
    expect((await t.core.inbox.list(ada, "ada", { filter: "snoozed" })).items).toHaveLength(1);
    await t.clock.advance(1_300);
    for (const socket of sockets) {
      expect(socket.events().at(-1)).toMatchObject({
        counts: { unread: 1, snoozed: 0 },
        items: [{ id: "q1" }],
      });
    }
    expect((await t.core.inbox.list(ada, "ada")).items).toMatchObject([{ id: "q1" }]);
  });

  test.each([
    [{}],
    [{ until: 1, for_ms: 1 }],
    [{ until: "tomorrow" }],
    [{ for_ms: -1 }],
    [{ for_ms: 8e9 }],
    [{ until: Number.NaN }],
    [null],
  ])("[P-INB-4] a snooze of %j is refused", async (input) => {
    await using t = testCore();
    const snooze = t.core.inbox.snooze(t.user("ada"), "ada", ["a"], input as { for_ms: number });
    await expect(snooze).rejects.toMatchObject({ code: "bad_message" });
  });
});

test("[P-INB-12] a client lists, reads and snoozes the own inbox by request, and a session without a user has none", async () => {
  await using t = testCore();
  await t.core.inbox.put({ users: ["ada"] }, { id: "q1", ...question });
  const socket = t.connect({ principal: t.user("ada") });
  const ask = async (method: string, params: object, from = socket) => {
    from.send({ type: "request", id: method, method, params });
    await t.clock.settle();
    return from.take().at(-1);
  };
  const item = { items: ["q1"] };
  expect(await ask("inbox.list", {})).toMatchObject({ result: { items: [{ id: "q1" }] } });
  expect(await ask("inbox.read", item)).toMatchObject({ result: { counts: { unread: 0 } } });
  expect(await ask("inbox.read", { items: "all" })).toMatchObject({ result: { marked: 1 } });
  expect(await ask("inbox.snooze", { ...item, for_ms: 1_000 })).toMatchObject({
    result: { marked: 1, counts: { snoozed: 1 } },
  });
  for (const items of [
    undefined,
    [],
    [1],
    Array.from({ length: 101 }, String),
    ["x".repeat(201)],
  ]) {
    expect(await ask("inbox.read", { items })).toMatchObject({ error: { code: "bad_message" } });
  }
  const session = t.connect({ principal: t.user(undefined, { session: "s" }) });
  expect(await ask("inbox.list", {}, session)).toMatchObject({ error: { code: "forbidden" } });
});

describe("inbox of several nodes", () => {
  test("[P-INB-4] [G8] a snooze survives the death of the node that stored it", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const { factory, die } = engine.mortal();
    const first = testCore({ clock, engine: factory, node: "node-1" });
    await using second = testCore({ clock, engine: engine.factory, node: "node-2" });
    const ada = first.user("ada");
    await first.core.inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    await first.core.inbox.snooze(ada, "ada", ["q1"], { for_ms: 30_000 });
    const socket = await open(second, ada);
    die();
    await clock.advance(45_000);
    expect(socket.events().at(-1)).toMatchObject({ items: [{ id: "q1" }] });
    await clock.until(first.core.shutdown(0));
  });

  test("[P-INB-6] a change that its node stored but never announced is announced by another node", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    await using t = testCore({ clock, engine: engine.factory, node: "node-1" });
    const socket = await open(t, t.user("ada"));
    const bounds = { maxItems: 9, maxLength: 9_000, maxAgeMs: 1e9 };
    const item = { id: "q1", kind: "question", json: "1" } as const;
    await engine.factory({ clock, random: new SeededRandom() }).inbox.put("user:ada", item, bounds);
    await clock.advance(20_000);
    expect(socket.events()).toMatchObject([{ revision: 1, items: [{ id: "q1" }] }]);
  });
});

test("[P-INB-1] a change that is announced again, because an observer failed, is published once", async () => {
  await using t = testCore();
  let calls = 0;
  t.core.inbox.observe(() => {
    calls++;
    if (calls < 5) throw new Error("the observer is down");
  });
  await t.core.inbox.put({ users: ["ada"] }, { id: "n1", kind: "notification", data: {} });
  for (let n = 0; n < 12; n++) await t.clock.advance(5_000);
  expect(calls).toBe(5);
  const { entries } = await t.core.channels.history(t.service, "inbox:ada", { since: "start" });
  expect(entries).toHaveLength(1);
});

describe("inbox of a role", () => {
  const ops = { claims: { roles: ["ops", "dev"] } };

  test("[P-INB-7] everyone with the role sees the question, now or later, and reads it for oneself", async () => {
    await using t = testCore();
    const { inbox } = t.core;
    const ada = t.user("ada", ops);
    const bo = t.user("bo", ops);
    const socket = await open(t, ada);
    await inbox.put({ roles: ["ops"] }, { id: "q1", ...question });
    await t.clock.advance(100);
    expect(socket.events()).toMatchObject([{ items: [{ id: "q1", role: "ops" }] }]);
    await inbox.read(ada, "ada", ["q1"]);
    expect((await inbox.list(bo, "bo")).items).toMatchObject([{ id: "q1", role: "ops" }]);
    expect((await inbox.list(bo, "bo")).items[0]).not.toHaveProperty("read_at");
    expect((await inbox.list(t.user("cy"), "cy")).items).toEqual([]);
    await inbox.close({ roles: ["ops"] }, "q1", "answered");
    expect((await inbox.list(ada, "ada")).items).toEqual([]);
    expect((await inbox.list(bo, "bo")).items).toEqual([]);
  });

  test("[P-INB-7] a question of a role leaves the inbox of a user who has lost the role, and returns with it", async () => {
    await using t = testCore();
    const { inbox } = t.core;
    const ada = t.user("ada", ops);
    await inbox.put({ roles: ["ops"] }, { id: "q1", ...question });
    expect((await inbox.list(ada, "ada")).items).toHaveLength(1);
    expect((await inbox.list(t.user("ada"), "ada")).items).toEqual([]);
    await inbox.put({ roles: ["ops"] }, { id: "q2", ...question });
    expect((await inbox.list(t.user("ada"), "ada")).items).toEqual([]);
    expect((await inbox.list(ada, "ada")).items).toHaveLength(2);
  });
});

describe("observers of inboxes", () => {
  test("[P-INB-10] an observer is called for each new and each returned item, and again if it fails", async () => {
    await using t = testCore();
    const news: InboxNews[] = [];
    let fails = true;
    t.core.inbox.observe((one) => {
      news.push(one);
      if (fails) throw new Error("no network");
    });
    await t.core.inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    expect(news).toMatchObject([
      { user: "ada", item: { id: "q1", data: question.data }, isBack: false },
    ]);
    fails = false;
    await t.clock.advance(6_000);
    expect(news).toHaveLength(2);
    await t.core.inbox.put({ users: ["ada"] }, { id: "q1", ...question });
    await t.core.inbox.snooze(t.user("ada"), "ada", ["q1"], { for_ms: 10_000 });
    await t.clock.advance(11_000);
    expect(news).toHaveLength(3);
    expect(news[2]).toMatchObject({ item: { id: "q1" }, isBack: true });
  });
});
