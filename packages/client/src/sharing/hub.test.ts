import { expect, it } from "vitest";
import { Backoff } from "../connection/backoff.ts";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock, settle } from "../testing/manual-clock.ts";
import { Hub } from "./hub.ts";

interface Message {
  readonly type: string;
  readonly id?: number;
  readonly [field: string]: unknown;
}

const welcome = {
  type: "welcome",
  connection_id: "c1",
  limits: { max_message_bytes: 1_000, max_subscriptions: 3 },
};

/** Returns a hub whose connection the test plays, with the messages that the hub sent. */
async function setUp() {
  const clock = new ManualClock();
  const sent: Message[] = [];
  const connection = {
    closed: Promise.resolve(),
    send: (texts: readonly string[]) => {
      for (const text of texts) sent.push(JSON.parse(text));
    },
    release: () => {},
  };
  const parts = { schedule: new Schedule(clock), backoff: new Backoff({}, () => 0.5) };
  const hub = new Hub(parts, () => connection);
  const say = async (...messages: object[]) => {
    hub.onFrame(JSON.stringify(messages));
    await settle();
  };
  const join = (isOwner = false) => {
    const heard: Message[] = [];
    const record = { heard, isAway: false };
    const member = hub.join({
      isOwner,
      deliver: (texts) => {
        for (const text of texts) heard.push(JSON.parse(text));
      },
      turnAway: () => {
        record.isAway = true;
      },
    });
    const ask = async (...messages: object[]) => {
      member.take(messages.map((message) => JSON.stringify(message)));
      await settle();
    };
    return { member, ask, record, take: () => heard.splice(0) };
  };
  await say(welcome);
  return { hub, clock, say, join, take: () => sent.splice(0) };
}

const reply = (to: Message | undefined, result: object) => ({ type: "reply", id: to?.id, result });
const subscribed = (position: string) => ({ channel: "a:1", position, recovered: false });
const event = (offset: number, more: object = {}) => ({
  type: "event",
  channel: "a:1",
  position: `e.${offset}.t${offset}`,
  event: "tick",
  data: offset,
  ts: 1,
  ...more,
});

it("members may use the same ids: each answer, chunk and pong reaches the member that asked, under its own id", async () => {
  const { join, say, take } = await setUp();
  const [first, second] = [join(), join()];
  await first.ask({ type: "request", id: 1, method: "m" }, { type: "ping", id: 2 });
  await second.ask({ type: "request", id: 1, method: "m", stream: true });
  await second.ask({ type: "chunk", stream: 1, index: 0, data: "up" });
  const [one, ping, two, chunk] = take();
  expect(new Set([one?.id, ping?.id, two?.id]).size).toBe(3);
  expect(chunk).toEqual({ type: "chunk", stream: two?.id, index: 0, data: "up" });
  first.take();
  second.take();
  await say({ type: "chunk", stream: two?.id, index: 0, data: "down" }, reply(two, { of: 2 }));
  await say({ type: "pong", id: ping?.id }, reply(one, { of: 1 }));
  expect(first.take()).toEqual([
    { type: "pong", id: 2 },
    { type: "reply", id: 1, result: { of: 1 } },
  ]);
  expect(second.take()).toEqual([
    { type: "chunk", stream: 1, index: 0, data: "down" },
    { type: "reply", id: 1, result: { of: 2 } },
  ]);
  await second.ask({ type: "chunk", stream: 1, credit: 1 }, { type: "cancel", id: 1 });
  expect(take()).toEqual([]);
});

it("a cancel names the request of its own member", async () => {
  const { join, take } = await setUp();
  const [first, second] = [join(), join()];
  await first.ask({ type: "request", id: 1, method: "m" });
  await second.ask({ type: "request", id: 1, method: "m" });
  const [, two] = take();
  await second.ask({ type: "cancel", id: 1 });
  expect(take()).toEqual([{ type: "cancel", id: two?.id }]);
});

it("a member that leaves cancels its requests, unsubscribes its channels and receives nothing more", async () => {
  const { join, say, take } = await setUp();
  const { member, ask, take: heard } = join();
  await ask(
    { type: "subscribe", id: 1, channel: "a:1" },
    { type: "subscribe", id: 2, channel: "b:1", as: "x" },
  );
  await ask({ type: "request", id: 3, method: "m" }, { type: "publish", id: 4, channel: "a:1" });
  const asked = take();
  const request = asked.find(({ type }) => type === "request");
  heard();
  member.leave();
  await settle();
  const farewell = take();
  expect(farewell.filter(({ type }) => type === "cancel")).toEqual([
    { type: "cancel", id: request?.id },
  ]);
  expect(
    farewell
      .filter(({ type }) => type === "unsubscribe")
      .map(({ channel }) => channel)
      .sort(),
  ).toEqual(["a:1", "b:1"]);
  await say(...asked.map((message) => reply(message, {})));
  expect(heard()).toEqual([]);
});

it("only the member whose token opened the connection is told that the token ends", async () => {
  const { join, say } = await setUp();
  const [owner, other] = [join(true), join()];
  await settle();
  owner.take();
  other.take();
  const expiring = { type: "notice", code: "token_expiring", expires_at: 1 };
  const shutdown = { type: "notice", code: "server_shutting_down" };
  await say(expiring, shutdown);
  expect([owner.take(), other.take()]).toEqual([[expiring, shutdown], [shutdown]]);
});

it("a member that joins during an outage, or after it, is told so in its welcome", async () => {
  const { join, say } = await setUp();
  await say({ type: "notice", code: "degraded" });
  const during = join();
  await settle();
  expect(during.take()).toEqual([{ ...welcome, degraded: true }]);
  await say({ type: "notice", code: "restored" });
  const after = join();
  await settle();
  expect(after.take()).toEqual([welcome]);
});

it("a member may subscribe again after a refusal, an unsubscribe, the end of the channel or of the subscription", async () => {
  const { join, say, take } = await setUp();
  const { ask, take: heard } = join();
  await settle();
  const subscribe = async (answer: (asked: Message | undefined) => object) => {
    heard();
    await ask({ type: "subscribe", id: 1, channel: "a:1" });
    const asked = take().filter(({ type }) => type === "subscribe");
    expect(asked).toHaveLength(1);
    await say(answer(asked[0]));
    return heard();
  };
  const error = { code: "forbidden", message: "no", retryable: false };
  expect(await subscribe((asked) => ({ type: "reply", id: asked?.id, error }))).toMatchObject([
    { type: "reply", id: 1, error: { code: "forbidden" } },
  ]);
  const start = (asked: Message | undefined) => reply(asked, subscribed("e.1.t1"));
  expect(await subscribe(start)).toEqual([{ type: "reply", id: 1, result: subscribed("e.1.t1") }]);
  await ask(
    { type: "subscribe", id: 2, channel: "a:1" },
    { type: "unsubscribe", id: 3, channel: "a:1" },
  );
  await ask({ type: "unsubscribe", id: 4, channel: "a:1" });
  expect(heard()).toMatchObject([
    { id: 2, error: { code: "already_subscribed" } },
    { id: 3, result: { channel: "a:1" } },
    { id: 4, error: { code: "not_subscribed" } },
  ]);
  take();
  await subscribe(start);
  await say({ type: "end", channel: "a:1", position: "e.2.t2", reason: "done" });
  expect(heard()).toEqual([{ type: "end", channel: "a:1", position: "e.2.t2", reason: "done" }]);
  take();
  await subscribe(start);
  await say({ type: "unsubscribed", channel: "a:1", position: "e.1.t1", reason: "forbidden" });
  expect(heard()).toMatchObject([{ type: "unsubscribed", channel: "a:1", reason: "forbidden" }]);
  take();
  await subscribe(start);
});

it("each member receives the events of its own filter, and a merged event keeps the span that it covers", async () => {
  const { join, say, take } = await setUp();
  const [all, some] = [join(), join()];
  await all.ask({ type: "subscribe", id: 1, channel: "a:1" });
  const [first] = take();
  await say(reply(first, subscribed("e.1.t1")));
  await some.ask({ type: "subscribe", id: 1, channel: "a:1", since: "now", events: ["other"] });
  await settle();
  expect(take()).toEqual([]);
  all.take();
  some.take();
  const merged = event(4, { since: "e.1.t1" });
  const other = event(5, { event: "other" });
  await say(merged, other);
  expect([all.take(), some.take()]).toEqual([[merged, other], [other]]);
});

it("an entry that replaces another one is passed on without a gap, which the member finds by itself", async () => {
  const { join, say, take } = await setUp();
  const { ask, take: heard } = join();
  await ask({ type: "subscribe", id: 1, channel: "a:1" });
  const [asked] = take();
  await say(reply(asked, subscribed("e.1.t1")));
  heard();
  const next = event(1, { position: "f.1.u1" });
  await say(next);
  expect(heard()).toEqual([next]);
});

it("[P-OP-9] [P-OP-10] members learn that a subscription is pending, that it is live, that it is pending again, and how it goes on", async () => {
  const { join, say, take } = await setUp();
  const [first, second] = [join(), join()];
  await first.ask({ type: "subscribe", id: 1, channel: "a:1" });
  const pending = { channel: "a:1", position: "pending.0.0", recovered: false, pending: true };
  await say(reply(take()[0], pending));
  await second.ask({ type: "subscribe", id: 2, channel: "a:1" });
  expect(first.take().slice(1)).toEqual([{ type: "reply", id: 1, result: pending }]);
  expect(second.take().slice(1)).toEqual([{ type: "reply", id: 2, result: pending }]);
  const snapshot = { projection: "operation", state: { id: "1" } };
  await say({ type: "subscribed", ...subscribed("e.1.t1"), snapshot });
  expect(first.take()).toEqual([{ type: "subscribed", ...subscribed("e.1.t1"), snapshot }]);
  // The other member joins from its own start.
  await say(...take().map((asked) => reply(asked, { ...subscribed("e.1.t1"), snapshot })));
  expect(second.take()).toEqual([{ type: "subscribed", ...subscribed("e.1.t1"), snapshot }]);
  await say(event(2), { type: "subscribed", ...pending });
  const news = [event(2), { type: "subscribed", ...pending }];
  expect([first.take(), second.take()]).toEqual([news, news]);
  const anew = { ...subscribed("f.3.u3"), reason: "epoch_changed", snapshot };
  await say({ type: "subscribed", ...anew });
  expect([first.take(), second.take()]).toEqual([
    [{ type: "subscribed", ...anew }],
    [{ type: "subscribed", ...anew }],
  ]);
});

it("presence reaches the members that want it, and a reset all that read", async () => {
  const { join, say, take } = await setUp();
  const [present, reader] = [join(), join()];
  await reader.ask({ type: "subscribe", id: 1, channel: "a:1" });
  await say(reply(take()[0], subscribed("e.1.t1")));
  await present.ask({ type: "subscribe", id: 1, channel: "a:1", presence: true });
  const again = take();
  expect(again).toMatchObject([
    { type: "unsubscribe", channel: "a:1" },
    { type: "subscribe", presence: true },
  ]);
  const presence = { epoch: "p", version: 1, count: 1, members: [], typing: [] };
  await say(reply(again[1], { ...subscribed("e.1.t1"), presence }));
  present.take();
  reader.take();
  const change = {
    type: "presence",
    channel: "a:1",
    epoch: "p",
    since: 1,
    version: 2,
    count: 2,
    joined: [],
    left: [],
  };
  const reset = {
    type: "reset",
    channel: "a:1",
    position: "f.2.u2",
    snapshot: { projection: "latest", state: 1 },
    reason: "epoch_changed",
  };
  await say(change, reset);
  expect(present.take()).toEqual([change, reset]);
  expect(reader.take()).toEqual([reset]);
});

it("a durable subscriber receives its entries as they are, and its channel is free again after a refusal or an end", async () => {
  const { join, say, take } = await setUp();
  const [first, second] = [join(), join()];
  const subscribe = { type: "subscribe", id: 1, channel: "a:1", as: "x" };
  await first.ask(subscribe);
  const error = { code: "forbidden", message: "no", retryable: false };
  await say({ type: "reply", id: take()[0]?.id, error });
  await second.ask(subscribe);
  const [asked] = take();
  await say(reply(asked, subscribed("e.1.t1")));
  second.take();
  const delivery = event(2, { attempt: 2 });
  await say(delivery);
  await second.ask({ type: "ack", id: 2, channel: "a:1", position: "e.2.t2" });
  expect(second.take()).toEqual([delivery]);
  expect(take()).toMatchObject([{ type: "ack", channel: "a:1", position: "e.2.t2" }]);
  await say({ type: "unsubscribed", channel: "a:1", position: "e.2.t2", reason: "taken_over" });
  await first.ask(subscribe);
  expect(take()).toMatchObject([subscribe].map(({ id: _, ...rest }) => rest));
  expect([first.record.isAway, second.record.isAway]).toEqual([false, false]);
});

it("a member is turned away by what the connection cannot do for it, and refused what it could not do alone", async () => {
  const { join, take } = await setUp();
  const [first, second, third] = [join(), join(), join()];
  await first.ask({ type: "subscribe", id: 1, channel: "a:1" });
  await second.ask({ type: "subscribe", id: 1, channel: "a:1", as: "x" });
  expect(second.record.isAway).toBe(true);
  await first.ask(
    { type: "subscribe", id: 2, channel: "a:2" },
    { type: "subscribe", id: 3, channel: "a:3" },
  );
  take();
  await first.ask({ type: "subscribe", id: 4, channel: "a:4" });
  expect(first.record.isAway).toBe(false);
  expect(take()).toMatchObject([{ type: "subscribe", channel: "a:4" }]);
  await third.ask(
    { type: "subscribe", id: 1, channel: "a:3" },
    { type: "subscribe", id: 2, channel: "a:4" },
  );
  expect(third.record.isAway).toBe(true);
});

it("a member with 2,000 unanswered messages is refused another one with rate_limited, and other members are not", async () => {
  const { join, take } = await setUp();
  const [busy, other] = [join(), join()];
  const request = (id: number) => ({ type: "request", id, method: "m" });
  await busy.ask(...Array.from({ length: 2_001 }, (_, i) => request(i + 1)));
  await other.ask(request(1));
  expect(take()).toHaveLength(2_001);
  expect(busy.take().slice(1)).toMatchObject([
    { id: 2_001, error: { code: "rate_limited", retryable: true } },
  ]);
  expect(other.take()).toEqual([welcome]);
});

it("a subscribe that the gateway leaves without an answer for 20 s is sent again, and the member is answered then", async () => {
  const { clock, join, say, take } = await setUp();
  const { ask, take: heard } = join();
  await ask({ type: "subscribe", id: 1, channel: "a:1" });
  expect(take()).toMatchObject([{ type: "subscribe", channel: "a:1" }]);
  heard();
  await clock.advance(19_999);
  expect(take()).toEqual([]);
  await clock.advance(10_000);
  const again = take();
  expect(again).toMatchObject([
    { type: "unsubscribe", channel: "a:1" },
    { type: "subscribe", channel: "a:1" },
  ]);
  await say(reply(again[1], subscribed("e.1.t1")));
  expect(heard()).toEqual([{ type: "reply", id: 1, result: subscribed("e.1.t1") }]);
});
