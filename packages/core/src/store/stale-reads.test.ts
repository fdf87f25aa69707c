import { FaultyEngine } from "@milepost/engine/testing";
import { formatPosition, parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { orThrow } from "../input/input.ts";
import type { Rule } from "../rules/rule.ts";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const retention = { maxEntries: 5_000, maxAgeMs: 3_600_000 };
const open = { subscribe: "authenticated", publish: "authenticated", retention } as const;

const rules: readonly Rule[] = [
  { ...open, pattern: "news:{topic}" },
  { ...open, pattern: "board:{board}", projection: { name: "keyed", by: "id" } },
];

const policy = { ...retention, dedupeMs: 600_000 };

function node() {
  const engine = new FaultyEngine();
  return { engine, t: testCore({ engine: engine.factory, rules }) };
}

/** Opens a socket that subscribes, and forgets what it received until then. */
async function reader(t: TestCore, channel: string): Promise<TestSocket> {
  const socket = t.connect({ principal: t.reader(), channels: [channel] });
  await t.clock.settle();
  socket.take();
  return socket;
}

/** Cuts the node off from its store, and waits until its clients know. */
async function cut({ engine, t }: ReturnType<typeof node>): Promise<void> {
  engine.goAway();
  await t.clock.advance(1_000);
}

async function heal({ engine, t }: ReturnType<typeof node>): Promise<void> {
  engine.comeBack();
  await t.clock.advance(2_000);
}

async function subscribed(t: TestCore, channel: string, since?: unknown) {
  const socket = t.connect({ principal: t.reader() });
  await t.clock.settle();
  socket.take();
  socket.send({ type: "subscribe", id: 1, channel, ...(since === undefined ? {} : { since }) });
  await t.clock.settle();
  const [reply, ...rest] = socket.take();
  return { socket, reply, rest };
}

/** Appends to the store's log, as another node would while this one is cut off. */
async function elsewhere(engine: FaultyEngine, channel: string, data: unknown): Promise<string> {
  const entry = { event: "e", json: JSON.stringify(data), publisher: "another node" };
  const { publication } = await engine.log.append(channel, entry, policy);
  return formatPosition(publication.position);
}

function eventsOf(messages: readonly Record<string, unknown>[]): unknown[] {
  return messages.filter(({ type }) => type === "event").map(({ data }) => data);
}

describe("reading from a node that is cut off from its store", () => {
  test("[P-STALE-1] a client can subscribe to a channel that the node watches; the reply is stale, and what was stored meanwhile follows once", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    await reader(t, "news:a");
    const last = await t.publish("news:a", "e", 1);
    await t.clock.settle();
    await cut(own);
    const { socket, reply } = await subscribed(t, "news:a");
    expect(reply).toMatchObject({
      id: 1,
      result: { position: last.position, recovered: false, stale: true },
    });
    await elsewhere(engine, "news:a", 2);
    await elsewhere(engine, "news:a", 3);
    await heal(own);
    const messages = socket.take();
    expect(eventsOf(messages)).toEqual([2, 3]);
    expect(messages.filter(({ type }) => type === "gap")).toEqual([]);
    const fresh = await subscribed(t, "news:a");
    expect(fresh.reply?.result).not.toHaveProperty("stale");
  });

  test("[P-STALE-1] a client resumes from a position that the node holds, and receives what it missed marked by a stale reply", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    await reader(t, "news:a");
    const first = await t.publish("news:a", "e", 1);
    await t.publish("news:a", "e", 2);
    await t.publish("news:a", "e", 3);
    await t.clock.settle();
    await cut(own);
    const { socket, reply, rest } = await subscribed(t, "news:a", first.position);
    expect(reply).toMatchObject({ result: { recovered: true, stale: true } });
    expect(eventsOf(rest)).toEqual([2, 3]);
    await elsewhere(engine, "news:a", 4);
    await heal(own);
    expect(eventsOf(socket.take())).toEqual([4]);
  });

  test("[P-STALE-2] a position that the node does not hold, and a channel that it does not watch, are refused retryably", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    const early = await t.publish("news:a", "e", 1);
    await t.publish("news:a", "e", 2);
    await t.publish("news:b", "e", 1);
    await reader(t, "news:a");
    await t.publish("news:a", "e", 3);
    await t.clock.settle();
    await cut(own);
    const asked = [
      ["news:a", early.position],
      ["news:a", "start"],
      ["news:b", undefined],
      ["news:a", { last: 3 }],
    ] as const;
    for (const [channel, since] of asked) {
      const { reply } = await subscribed(t, channel, since);
      expect(reply).toMatchObject({ error: { code: "store_unavailable", retryable: true } });
    }
    const one = await t.core.channels.snapshot(t.service, "news:a");
    expect(one).toMatchObject({ stale: true });
    const known = await subscribed(t, "news:a", { last: 1 });
    expect(known.reply).toMatchObject({ result: { stale: true } });
    expect(eventsOf(known.rest)).toEqual([3]);
  });

  test("[P-STALE-2] the start of a log is refused if the node does not hold its first entry, even if it knows that there is only one", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    await t.publish("news:a", "e", 1);
    const socket = t.connect({ principal: t.reader() });
    socket.send({ type: "subscribe", id: 1, channel: "news:a", since: "now" });
    await t.clock.settle();
    await cut(own);
    const { reply } = await subscribed(t, "news:a", "start");
    expect(reply).toMatchObject({ error: { code: "store_unavailable", retryable: true } });
  });

  test("[P-STALE-2] positions that contradict what the node holds are refused: it may have missed entries, or another log", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    await reader(t, "news:a");
    await t.publish("news:a", "e", 1);
    const { position } = await t.publish("news:a", "e", 2);
    await t.clock.settle();
    await cut(own);
    const known = orThrow(parsePosition(position));
    for (const unknown of [{ tag: "another" }, { offset: 3 }, { offset: 30 }, { epoch: "other" }]) {
      const since = { ...known, ...unknown };
      const { reply } = await subscribed(t, "news:a", formatPosition(since));
      expect(reply).toMatchObject({ error: { code: "store_unavailable", retryable: true } });
      await expect(t.core.channels.history(t.service, "news:a", { since })).rejects.toMatchObject({
        code: "store_unavailable",
      });
    }
  });

  test("[P-STALE-1] [G4] a log that lost its tail during the outage is reported to a reader that resumed from memory", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    await reader(t, "news:a");
    await t.publish("news:a", "e", 1);
    const lost = await t.publish("news:a", "e", 2);
    await t.clock.settle();
    await cut(own);
    const { socket, reply } = await subscribed(t, "news:a", lost.position);
    expect(reply).toMatchObject({ result: { recovered: true, stale: true } });
    await engine.log.purge("news:a", policy);
    await elsewhere(engine, "news:a", "in a new log");
    await heal(own);
    const told = socket.take().filter(({ type }) => type === "gap" || type === "event");
    expect(told).toMatchObject([
      { type: "gap", from: lost.position, reason: "epoch_changed" },
      { type: "event", data: "in a new log" },
    ]);
  });

  test("[P-STALE-3] history is answered with the entries that the node holds", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    await t.publish("news:a", "e", 1);
    await reader(t, "news:a");
    const second = await t.publish("news:a", "e", 2);
    await t.publish("news:a", "e", 3);
    await t.clock.settle();
    const { history } = t.core.channels;
    const ask = (since?: unknown) =>
      history.call(
        t.core.channels,
        t.service,
        "news:a",
        since === undefined ? {} : { since: since as never },
      );
    expect(await ask()).not.toHaveProperty("stale");
    await cut(own);
    const all = await ask();
    expect(all).toMatchObject({ stale: true, entries: [{ data: 2 }, { data: 3 }] });
    const after = await ask(orThrow(parsePosition(second.position)));
    expect(after).toMatchObject({ stale: true, entries: [{ data: 3 }] });
    expect((await ask({ last: 1 })).entries).toMatchObject([{ data: 3 }]);
    expect((await ask({ last: 100 })).entries).toMatchObject([{ data: 2 }, { data: 3 }]);
    await expect(history.call(t.core.channels, t.service, "news:b")).rejects.toMatchObject({
      code: "store_unavailable",
    });
    await heal(own);
    expect((await ask()).entries).toHaveLength(3);
    expect(await ask()).not.toHaveProperty("stale");
  });

  test("[P-STALE-3] a snapshot and a subscribe have the state of all entries that the node received, and are marked stale", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    await t.publish("board:1", "e", { id: "a", n: 1 });
    await reader(t, "board:1");
    const last = await t.publish("board:1", "e", { id: "b", n: 2 });
    await t.clock.settle();
    await cut(own);
    const state = { a: { id: "a", n: 1 }, b: { id: "b", n: 2 } };
    expect(await t.core.channels.snapshot(t.service, "board:1")).toMatchObject({
      position: last.position,
      stale: true,
      snapshot: { state },
    });
    const { socket, reply } = await subscribed(t, "board:1");
    expect(reply).toMatchObject({ result: { stale: true, snapshot: { state } } });
    await elsewhere(engine, "board:1", { id: "a", n: 9 });
    await heal(own);
    expect(eventsOf(socket.take())).toEqual([{ id: "a", n: 9 }]);
    const fresh = await t.core.channels.snapshot(t.service, "board:1");
    expect(fresh).not.toHaveProperty("stale");
    expect(fresh).toMatchObject({ snapshot: { state: { ...state, a: { id: "a", n: 9 } } } });
  });

  test("[P-STALE-2] a state that the node does not hold is refused, and never invented from some of the entries", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    await t.publish("board:2", "e", { id: "a", n: 1 });
    const socket = t.connect({ principal: t.reader() });
    await t.clock.settle();
    const { position } = await t.publish("board:2", "e", { id: "b", n: 2 });
    socket.send({ type: "subscribe", id: 1, channel: "board:2", since: position });
    await t.clock.settle();
    await t.publish("board:2", "e", { id: "c", n: 3 });
    await t.clock.settle();
    await cut(own);
    await expect(t.core.channels.snapshot(t.service, "board:2")).rejects.toMatchObject({
      code: "store_unavailable",
    });
    const { reply } = await subscribed(t, "board:2");
    expect(reply).toMatchObject({ error: { code: "store_unavailable" } });
  });

  test("[P-STALE-1] the owner of a watched operation can still read it, and nobody else can", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    await t.core.operations.create(t.service, { kind: "export", operation_id: "9", user_id: "7" });
    const owner = t.connect({ principal: t.user("7"), channels: ["operation:9"] });
    await t.clock.settle();
    owner.take();
    await cut(own);
    const again = t.connect({ principal: t.user("7"), channels: ["operation:9"] });
    await t.clock.settle();
    expect(again.take().at(-1)).toMatchObject({
      type: "subscribed",
      stale: true,
      snapshot: { state: { kind: "export" } },
    });
    for (const channel of ["operation:9", "operation:none"]) {
      const stranger = t.connect({ principal: t.user("8"), channels: [channel] });
      await t.clock.settle();
      expect(stranger.take().at(-1)).toMatchObject({ error: { code: "store_unavailable" } });
    }
  });
});
