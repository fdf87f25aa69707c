import { FaultyEngine } from "@milepost/engine/testing";
import { parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { orThrow } from "../input/input.ts";
import { ruleMistakes } from "../rules/rule-mistakes.ts";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

function node() {
  const engine = new FaultyEngine();
  return { engine, t: testCore({ engine: engine.factory }) };
}

type Node = ReturnType<typeof node>;

async function reader(t: TestCore, channel: string, since?: string): Promise<TestSocket> {
  const socket = t.connect({
    principal: t.reader(),
    channels: [channel],
    ...(since === undefined ? {} : { resume: new Map([[channel, orThrow(parsePosition(since))]]) }),
  });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function cut({ engine, t }: Node): Promise<void> {
  engine.goAway();
  await t.clock.advance(1_000);
}

async function heal({ engine, t }: Node): Promise<void> {
  engine.comeBack();
  await t.clock.advance(3_000);
}

const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 600_000 };

/** Appends to the store's log, as another node would. */
async function elsewhere(engine: FaultyEngine, channel: string, data: unknown): Promise<void> {
  const entry = { event: "news", json: JSON.stringify(data), publisher: "another node" };
  await engine.log.append(channel, entry, retention);
}

function eventsOf(messages: readonly Record<string, unknown>[]): unknown[] {
  return messages.filter(({ type }) => type === "event").map(({ data }) => data);
}

async function stored(t: TestCore, channel: string): Promise<unknown[]> {
  const { entries } = await t.core.channels.history(t.service, channel);
  return entries.map(({ data }) => data);
}

describe("a channel that is shown locally during an outage and appended afterwards", () => {
  test("[P-SHOW-1] [P-SHOW-2] readers at the node see a broadcast at once and only once; it is in the log after the outage, in order", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    const socket = await reader(t, "broadcast");
    const before = await t.publish("broadcast", "news", 0);
    await t.clock.settle();
    await cut(own);
    socket.take();
    for (const n of [1, 2, 3]) {
      expect(await t.publish("broadcast", "news", n, `k${n}`)).toMatchObject({
        local: true,
        spooled: true,
        duplicate: false,
      });
    }
    await t.clock.settle();
    const shown = socket.take();
    expect(eventsOf(shown)).toEqual([1, 2, 3]);
    expect(shown[0]).toMatchObject({ type: "gap", from: before.position, reason: "epoch_changed" });
    expect(t.core.stats().spooled).toBe(3);
    await elsewhere(engine, "broadcast", "from elsewhere");
    await heal(own);
    const after = socket.take();
    expect(eventsOf(after)).toEqual(["from elsewhere"]);
    expect(after.filter(({ type }) => type === "gap")).toMatchObject([
      { to: before.position, reason: "epoch_changed" },
      { reason: "shown" },
    ]);
    expect(await stored(t, "broadcast")).toEqual([0, "from elsewhere", 1, 2, 3]);
    expect(t.core.stats().spooled).toBe(0);
    await t.publish("broadcast", "news", 4);
    await t.clock.settle();
    expect(eventsOf(socket.take())).toEqual([4]);
  });

  test("[P-SHOW-1] [G3] a key publishes once: during the outage, and when it is repeated afterwards", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    const socket = await reader(t, "broadcast");
    await cut(own);
    await t.publish("broadcast", "news", 1, "k");
    expect(await t.publish("broadcast", "news", 1, "k")).toMatchObject({ duplicate: true });
    await t.clock.settle();
    expect(eventsOf(socket.take())).toEqual([1]);
    await heal(own);
    expect(await t.publish("broadcast", "news", 1, "k")).toMatchObject({ duplicate: true });
    expect(await stored(t, "broadcast")).toEqual([1]);
    expect(eventsOf(socket.take())).toEqual([]);
  });

  test("[P-SHOW-1] a roll-up shows what is published below it, once, and has it afterwards", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    const whole = await reader(t, "system:*");
    const one = await reader(t, "system:maintenance");
    await t.publish("system:maintenance", "note", 0);
    await t.clock.settle();
    await cut(own);
    for (const socket of [whole, one]) socket.take();
    await t.publish("system:maintenance", "note", 1);
    await t.publish("system:alerts", "note", 2);
    await t.clock.settle();
    expect(eventsOf(whole.take())).toEqual([1, 2]);
    expect(eventsOf(one.take())).toEqual([1]);
    await heal(own);
    expect(eventsOf(whole.take())).toEqual([]);
    expect(eventsOf(one.take())).toEqual([]);
    expect(await stored(t, "system:*")).toHaveLength(3);
    expect(await stored(t, "system:maintenance")).toEqual([0, 1]);
    await t.publish("system:alerts", "note", 3);
    await t.clock.settle();
    expect(eventsOf(whole.take())).toEqual([3]);
  });

  test("[P-SHOW-2] a reader that joins after the outage receives what was appended, and one that joined before it still does not", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    const old = await reader(t, "broadcast");
    const start = (await t.core.channels.snapshot(t.service, "broadcast")).position;
    await cut(own);
    await t.publish("broadcast", "news", 1);
    await t.clock.settle();
    old.take();
    engine.comeBack();
    const late = t.connect({
      principal: t.reader(),
      channels: ["broadcast"],
      resume: new Map([["broadcast", orThrow(parsePosition(start))]]),
    });
    await t.clock.advance(3_000);
    expect(eventsOf(late.take())).toEqual([1]);
    expect(eventsOf(old.take())).toEqual([]);
    await t.publish("broadcast", "news", 2);
    await t.clock.settle();
    for (const socket of [late, old]) expect(eventsOf(socket.take())).toEqual([2]);
  });

  test("[P-SHOW-2] a reader that was shown entries and reconnects, here or at another node, does not see them again", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    const socket = await reader(t, "broadcast");
    await cut(own);
    await t.publish("broadcast", "news", 1);
    await t.publish("broadcast", "news", 2);
    await t.clock.settle();
    const held = String(socket.take().at(-1)?.position);
    socket.drop();
    own.engine.comeBack();
    // The engine has lost its outage, but the node has not appended anything yet, as on another node.
    const again = t.connect({
      principal: t.reader(),
      channels: ["broadcast"],
      resume: new Map([["broadcast", orThrow(parsePosition(held))]]),
    });
    await t.clock.advance(3_000);
    expect(eventsOf(again.take())).toEqual([]);
    expect(await stored(t, "broadcast")).toEqual([1, 2]);
    await t.publish("broadcast", "news", 3);
    await t.clock.settle();
    expect(eventsOf(again.take())).toEqual([3]);
  });

  test("[P-SHOW-1] [G1] what is published right after the outage comes after what was shown in it", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    await cut(own);
    for (const n of [1, 2, 3]) await t.publish("broadcast", "news", n);
    engine.comeBack();
    const last = t.publish("broadcast", "news", 4);
    await t.clock.advance(3_000);
    expect(await last).not.toHaveProperty("local");
    expect(await stored(t, "broadcast")).toEqual([1, 2, 3, 4]);
  });

  test("[P-SHOW-1] a publish before the outage is announced waits, and is shown once it is", async () => {
    const own = node();
    const { t, engine } = own;
    await using _t = t;
    const socket = await reader(t, "broadcast");
    engine.goAway();
    const published = t.publish("broadcast", "news", 1);
    await t.clock.advance(1_000);
    expect(await published).toMatchObject({ local: true, spooled: true });
    expect(eventsOf(socket.take())).toEqual([1]);
    await heal(own);
    expect(eventsOf(socket.take())).toEqual([]);
    expect(await stored(t, "broadcast")).toEqual([1]);
  });

  test("[P-SHOW-3] the spool bounds what is shown: beyond it a publish is refused, and nobody sees it", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    const socket = await reader(t, "broadcast");
    await cut(own);
    socket.take();
    for (let n = 0; n < 1_000; n++) await t.publish("broadcast", "news", n);
    await expect(t.publish("broadcast", "news", "too many")).rejects.toMatchObject({
      code: "store_unavailable",
      retryable: true,
    });
    await t.clock.settle();
    expect(eventsOf(socket.take())).toHaveLength(1_000);
    await heal(own);
    expect(await stored(t, "broadcast")).not.toContain("too many");
    expect(t.core.stats().spooled).toBe(0);
  });

  test("[P-SHOW-3] the end of a channel is not shown before it is in the log", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    const socket = await reader(t, "system:a");
    await cut(own);
    socket.take();
    const ended = t.core.channels.end(t.service, "system:a");
    await t.clock.advance(1_000);
    expect(socket.take()).toEqual([]);
    await heal(own);
    expect(await ended).toMatchObject({ duplicate: false });
    expect(socket.take()).toContainEqual(expect.objectContaining({ type: "end" }));
  });

  test("[P-SHOW-3] a durable subscriber receives what was shown once it is in the log", async () => {
    const own = node();
    const { t } = own;
    await using _t = t;
    const socket = t.connect({ principal: t.user("ada") });
    socket.send({ type: "subscribe", id: 1, channel: "broadcast", as: "mailer" });
    await t.clock.settle();
    socket.take();
    await cut(own);
    await t.publish("broadcast", "news", 1);
    await t.clock.settle();
    expect(eventsOf(socket.take())).toEqual([]);
    await heal(own);
    await t.clock.advance(5_000);
    expect(eventsOf(socket.take())).toEqual([1]);
  });

  test("a rule with a projection cannot be local-then-spool, and one with a roll-up can", () => {
    const rule = {
      pattern: "a:*",
      subscribe: "authenticated",
      publish: "granted",
      retention: { maxEntries: 1, maxAgeMs: 1 },
      outage: "local-then-spool",
      rollUp: true,
    } as const;
    expect([...ruleMistakes(rule)]).toEqual([]);
    expect([...ruleMistakes({ ...rule, projection: { name: "latest" } })]).toMatchObject([
      ["outage", expect.stringContaining("projection")],
    ]);
  });
});
