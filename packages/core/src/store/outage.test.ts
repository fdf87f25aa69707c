import type { EngineFactory, Registry } from "@milepost/engine";
import { altered, FaultyEngine } from "@milepost/engine/testing";
import { formatPosition, MilepostError, parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { orThrow } from "../input/input.ts";
import type { Rule } from "../rules/rule.ts";
import { PresenceReader, type TestCore, testCore } from "../testing/index.ts";

const rules = [
  {
    pattern: "job:{job}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 1_000, maxAgeMs: 3_600_000 },
    outage: "spool",
  },
  {
    pattern: "strict:{job}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 1_000, maxAgeMs: 3_600_000 },
  },
  {
    pattern: "cursor:{job}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 10, maxAgeMs: 60_000 },
    outage: "local",
  },
] as const;

function node() {
  const engine = new FaultyEngine();
  return { engine, t: testCore({ engine: engine.factory, rules }) };
}

/**
 * Appends an entry to the store's log during the outage, as another node would. The bus does not deliver it to
 * this node.
 */
async function elsewhere(engine: FaultyEngine, channel: string, data: unknown): Promise<string> {
  const entry = { event: "e", json: JSON.stringify(data), publisher: "p" };
  const policy = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 600_000 };
  const { publication } = await engine.log.append(channel, entry, policy);
  return formatPosition(publication.position);
}

/** Creates a node with a shared engine whose registry can be made to fail. */
function nodeOfMany() {
  const engine = new FaultyEngine();
  const registry = { isDown: false };
  const factory: EngineFactory = (context) => {
    const made = engine.factory(context);
    const refresh: Registry["refresh"] = async (...node) => {
      if (registry.isDown) throw new MilepostError("store_unavailable", "no");
      return made.registry.refresh(...node);
    };
    return {
      ...made,
      isShared: true,
      registry: altered(made.registry, { refresh }),
    };
  };
  return { registry, t: testCore({ engine: factory, rules }) };
}

async function reader(t: TestCore, channel: string) {
  const socket = t.connect({ principal: t.user("ada"), channels: [channel] });
  await t.clock.settle();
  socket.take();
  return socket;
}

describe("an outage of the store", () => {
  test("[G6] [P-NOTICE-1] connections stay open and are notified of an outage within 5 s and of its end; welcomes report it too", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "job:1");
    const waits = t.connect();
    engine.goAway();
    await t.clock.advance(1_000);
    expect(socket.take()).toEqual([{ type: "notice", code: "degraded" }]);
    expect(t.core.stats()).toMatchObject({ status: "degraded", outageMs: 1_000 });
    const late = t.connect({ principal: t.user("eve") });
    await t.clock.settle();
    expect(late.take()).toMatchObject([{ type: "welcome", degraded: true }]);
    await t.clock.advance(20_000);
    engine.comeBack();
    await t.clock.settle();
    expect(socket.take()).toContainEqual({ type: "notice", code: "restored" });
    expect(waits.received()).toEqual([]);
    expect(socket.closed).toBeUndefined();
    expect(t.core.stats()).toMatchObject({ status: "healthy" });
    const after = t.connect({ principal: t.user("eve") });
    await t.clock.settle();
    expect(after.take()[0]).not.toHaveProperty("degraded");
  });

  test("[G6] an outage of less than half a second is not announced", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "job:1");
    engine.goAway();
    await t.clock.advance(300);
    engine.comeBack();
    await t.clock.advance(5_000);
    expect(socket.take()).toEqual([]);
  });

  test("[G6] [G2] a channel without a spool refuses publishes at once during an outage, with a retryable error", async () => {
    const { engine, t } = node();
    await using _t = t;
    engine.goAway();
    await expect(t.publish("strict:1", "e", 1, "k")).rejects.toMatchObject({
      code: "store_unavailable",
      retryable: true,
    });
    engine.comeBack();
    expect(await t.publish("strict:1", "e", 1, "k")).toMatchObject({ duplicate: false });
  });

  test("[G6] [G1] [G2] a channel with a spool answers a publish once it is stored, and stores each publish once, in order", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "job:1");
    await t.publish("job:1", "e", 0);
    engine.losesAnswer = ({ json }) => json === "1";
    const first = t.publish("job:1", "e", 1);
    await t.clock.settle();
    engine.goAway();
    engine.losesAnswer = () => false;
    const rest = [2, 3, 4].map((n) => t.publish("job:1", "e", n));
    await t.clock.advance(3_000);
    expect(t.core.stats().spooled).toBe(4);
    engine.comeBack();
    const last = t.publish("job:1", "e", 5);
    await t.clock.advance(1_000);
    const stored = await Promise.all([first, ...rest, last]);
    expect(stored.map(({ duplicate }) => duplicate)).toEqual(Array(5).fill(false));
    expect(stored.map(({ position }) => position.split(".")[1])).toEqual(["2", "3", "4", "5", "6"]);
    const events = socket.take().filter(({ type }) => type === "event");
    expect(events.map(({ data }) => data)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(t.core.stats().spooled).toBe(0);
  });

  for (const key of [undefined, "k"]) {
    const named = key === undefined ? "without a key" : "with a key";
    test(`[G3] [P-PUB-2] a spooled publish ${named} that was stored, but whose answer was lost, is no duplicate to its publisher`, async () => {
      const { engine, t } = node();
      await using _t = t;
      let losses = 3;
      engine.losesAnswer = () => losses-- > 0;
      const first = t.publish("job:1", "e", 1, key);
      await t.clock.advance(2_000);
      expect(await first).toMatchObject({ duplicate: false });
      expect(engine.stored("job:1")).toBe(1);
      const again = await t.publish("job:1", "e", 1, key);
      if (key === undefined) expect(again.position).not.toBe((await first).position);
      else expect(again).toEqual({ ...(await first), duplicate: true });
    });
  }

  test("[G3] [P-PUB-2] a spooled publish whose key was used before is a duplicate, however often the node tries", async () => {
    const { engine, t } = node();
    await using _t = t;
    const first = await t.publish("job:1", "e", 1, "k");
    let losses = 2;
    engine.losesAnswer = () => losses-- > 0;
    const again = t.publish("job:1", "e", 2, "k");
    await t.clock.advance(2_000);
    expect(await again).toEqual({ ...first, duplicate: true });
    expect(engine.stored("job:1")).toBe(1);
  });

  test("[G4] each attempt of a spooled publish has a tag of its own", async () => {
    const { engine, t } = node();
    await using _t = t;
    const tags: (string | undefined)[] = [];
    engine.refuses = ({ tag }) => tags.push(tag) < 3;
    const stored = t.publish("job:1", "e", 1);
    await t.clock.advance(2_000);
    expect((await stored).position.split(".")[2]).toBe(tags[2]);
    expect(new Set(tags).size).toBe(3);
  });

  test("[P-END-1] a spooled end that was stored, but whose answer was lost, is the first end to its sender", async () => {
    const { engine, t } = node();
    await using _t = t;
    let losses = 2;
    engine.losesAnswer = () => losses-- > 0;
    const ended = t.core.channels.end(t.service, "job:1", "complete");
    await t.clock.advance(2_000);
    expect(await ended).toMatchObject({ duplicate: false });
    expect(await t.core.channels.end(t.service, "job:1", "late")).toMatchObject({
      duplicate: true,
      reason: "complete",
    });
  });

  test("[G6] [G2] a spooled publish is refused after 30 s, and a publish beyond the spool's bound is refused at once", async () => {
    const { engine, t } = node();
    await using _t = t;
    engine.goAway();
    const away = { code: "store_unavailable", retryable: true };
    const waiting = Array.from({ length: 1_000 }, (_, n) => t.publish("job:1", "e", n));
    const refused = Promise.all(waiting.map((one) => expect(one).rejects.toMatchObject(away)));
    await t.clock.settle();
    await expect(t.publish("job:1", "e", 1_000)).rejects.toMatchObject(away);
    await t.clock.advance(31_000);
    await refused;
    expect(t.core.stats().spooled).toBe(0);
    engine.comeBack();
    expect(await t.publish("job:1", "e", 1)).toMatchObject({ duplicate: false });
  });

  test("[G6] [G4] every channel is compared with its log after an outage, so nothing stored meanwhile is missing", async () => {
    const engine = new FaultyEngine();
    await using a = testCore({ engine: engine.factory, rules });
    const socket = await reader(a, "strict:1");
    await a.publish("strict:1", "e", 1);
    await a.clock.settle();
    socket.take();
    engine.goAway();
    await a.clock.advance(2_000);
    const other = await elsewhere(engine, "strict:1", 2);
    await a.clock.advance(1_000);
    engine.comeBack();
    await a.clock.advance(1_000);
    const events = socket.take().filter(({ type }) => type === "event");
    expect(events).toMatchObject([{ data: 2, position: other }]);
  });
});

describe("a channel that continues locally during an outage", () => {
  test("[G6] [P-LOCAL-1] [P-LOCAL-2] readers at the node get publications marked as local, and continue with the log afterwards", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "cursor:1");
    const before = await t.publish("cursor:1", "e", "before");
    expect(before).not.toHaveProperty("local");
    engine.goAway();
    await t.clock.advance(400);
    await expect(t.publish("cursor:1", "e", "too soon to tell")).rejects.toMatchObject({
      code: "store_unavailable",
    });
    await t.clock.advance(600);
    socket.take();
    const published = [];
    for (const n of [1, 2, 3]) published.push(await t.publish("cursor:1", "e", n));
    await t.clock.settle();
    expect(published[0]).toMatchObject({ local: true, position: expect.stringMatching(/^local-/) });
    expect(socket.take()).toMatchObject([
      { type: "gap", from: before.position, reason: "epoch_changed" },
      ...published.map(({ position }, i) => ({ type: "event", position, data: i + 1 })),
    ]);
    const meanwhile = await elsewhere(engine, "cursor:1", "from elsewhere");
    engine.comeBack();
    await t.clock.advance(1_000);
    expect(socket.take()).toMatchObject([
      { type: "notice", code: "restored" },
      {
        type: "gap",
        from: published[2]?.position,
        to: before.position,
        reason: "epoch_changed",
      },
      { type: "event", position: meanwhile, data: "from elsewhere" },
    ]);
    const after = await t.publish("cursor:1", "e", "after");
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ type: "event", position: after.position }]);
    const { entries } = await t.core.channels.history(t.service, "cursor:1");
    expect(entries.map(({ data }) => data)).toEqual(["before", "from elsewhere", "after"]);
  });

  test("[P-LOCAL-2] readers of a local channel whose log began again during the outage get a gap to the new log", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "cursor:1");
    await t.publish("cursor:1", "e", "before");
    engine.goAway();
    await t.clock.advance(1_000);
    const local = await t.publish("cursor:1", "e", "meanwhile");
    await t.clock.settle();
    socket.take();
    const policy = { maxEntries: 10, maxAgeMs: 60_000, dedupeMs: 600_000 };
    await engine.log.purge("cursor:1", policy);
    const another = await elsewhere(engine, "cursor:1", "in the new log");
    const epoch = orThrow(parsePosition(another)).epoch;
    engine.comeBack();
    await t.clock.advance(1_000);
    const [gap, ...rest] = socket.take().filter(({ type }) => type !== "notice");
    expect(gap).toMatchObject({ type: "gap", from: local.position, reason: "epoch_changed" });
    expect(orThrow(parsePosition(String(gap?.to))).epoch).toBe(epoch);
    expect(rest).toMatchObject([{ type: "event", position: another, data: "in the new log" }]);
  });

  test("[P-LOCAL-2] readers of a channel with outage local get no gap when the node published nothing during the outage", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "cursor:1");
    await t.publish("cursor:1", "e", 1);
    engine.goAway();
    // This is long enough for a position check, which compares the channel with its log.
    for (let n = 0; n < 2; n++) {
      await t.clock.advance(20_000);
      socket.pong();
    }
    socket.take();
    const meanwhile = await elsewhere(engine, "cursor:1", 2);
    engine.comeBack();
    await t.clock.advance(1_000);
    expect(socket.take()).toMatchObject([
      { type: "notice", code: "restored" },
      { type: "event", position: meanwhile, data: 2 },
    ]);
  });

  test("[P-LOCAL-1] [P-LOCAL-2] a reader can subscribe to a local channel during an outage, and gets what is published after it", async () => {
    const { engine, t } = node();
    await using _t = t;
    const first = await t.publish("cursor:1", "e", 1);
    engine.goAway();
    await t.clock.advance(1_000);
    const since = orThrow(parsePosition(first.position));
    const socket = t.connect({
      principal: t.user("ada"),
      channels: ["cursor:1"],
      resume: new Map([["cursor:1", since]]),
    });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "welcome", degraded: true },
      { type: "subscribed", recovered: false, reason: "epoch_changed" },
      { type: "gap", from: first.position, reason: "epoch_changed" },
    ]);
    const local = await t.publish("cursor:1", "e", 2);
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ type: "event", data: 2 }]);
    engine.comeBack();
    await t.clock.advance(1_000);
    const after = await t.publish("cursor:1", "e", 3);
    await t.clock.settle();
    const back = socket.take().filter(({ type }) => type !== "notice");
    expect(back).toMatchObject([
      { type: "gap", from: local.position, to: first.position, reason: "epoch_changed" },
      { type: "event", position: after.position, data: 3 },
    ]);
    // A local position cannot be resumed, so the stream continues at the head.
    const late = t.connect({
      principal: t.user("ada"),
      channels: ["cursor:1"],
      resume: new Map([["cursor:1", orThrow(parsePosition(local.position))]]),
    });
    await t.clock.settle();
    expect(late.take().slice(1)).toMatchObject([
      { type: "subscribed", recovered: false, reason: "epoch_changed", position: after.position },
      { type: "gap", from: local.position, to: after.position },
    ]);
  });

  test("[P-LOCAL-1] permanent changes to a local channel are refused during an outage: an end, a purge, an entry of a source", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "cursor:1");
    await t.publish("cursor:1", "e", 1);
    engine.goAway();
    await t.clock.advance(1_000);
    const away = { code: "store_unavailable", retryable: true };
    await expect(t.core.channels.end(t.service, "cursor:1")).rejects.toMatchObject(away);
    await expect(t.core.channels.purge(t.service, "cursor:1")).rejects.toMatchObject(away);
    const fields = { channel: "cursor:1", event: "e", data: "2" };
    const taken = t.core.sources.take("stream", { id: "1-0", fields, attempt: 1 });
    await expect(taken).rejects.toMatchObject(away);
    engine.comeBack();
    await t.clock.advance(1_000);
    socket.take();
    await t.publish("cursor:1", "e", 3);
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ data: 3 }]);
  });

  test("[P-LOCAL-3] a channel with outage local refuses durable subscribers with not_supported", async () => {
    const { t } = node();
    await using _t = t;
    const socket = await reader(t, "cursor:2");
    await socket.send({ type: "subscribe", id: 1, channel: "cursor:1", as: "worker" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "not_supported" } }]);
  });

  test("[P-RULE-6] a rule with outage local cannot have a projection or a roll-up", () => {
    const local = {
      ...rules[2],
      pattern: "a:*",
      projection: { name: "latest" },
      rollUp: true,
    } as const;
    expect(() => testCore({ rules: [local] })).toThrow(
      /outage cannot be local with projection: .*leave out projection, or use refuse or spool/,
    );
  });
});

test("[G6] [S3] a node whose lease expired is read-only until the lease is renewed, and announces it", async () => {
  const { registry, t } = nodeOfMany();
  await using _t = t;
  const socket = await reader(t, "strict:1");
  await t.publish("strict:1", "e", 1);
  await t.clock.advance(30_000);
  socket.take();
  registry.isDown = true;
  await t.clock.advance(12_000);
  expect(socket.take()).toContainEqual({ type: "notice", code: "degraded" });
  expect(t.core.stats()).toMatchObject({ status: "degraded" });
  await expect(t.publish("strict:1", "e", 2)).rejects.toMatchObject({
    code: "store_unavailable",
    retryable: true,
  });
  expect((await t.core.channels.history(t.service, "strict:1")).entries).toHaveLength(1);
  registry.isDown = false;
  await t.clock.advance(3_000);
  expect(socket.take()).toContainEqual({ type: "notice", code: "restored" });
  expect(await t.publish("strict:1", "e", 2)).toMatchObject({ duplicate: false });
});

test("[G6] a node whose sweep of the registry takes long keeps sending heartbeats and accepts writes", async () => {
  const engine = new FaultyEngine();
  let finish = () => {};
  await using t = testCore({
    rules,
    engine: (context) => {
      const made = engine.factory(context);
      const sweep = () =>
        new Promise<number>((resolve) => {
          finish = () => resolve(0);
        });
      return {
        ...made,
        isShared: true,
        registry: altered(made.registry, { sweep }),
      };
    },
  });
  await t.clock.advance(30_000);
  expect(t.core.stats()).toMatchObject({ status: "healthy" });
  expect(await t.publish("strict:1", "e", 1)).toMatchObject({ duplicate: false });
  finish();
});

describe("what matters only at the moment during an outage", () => {
  const ephemeral = {
    pattern: "pointer:{room}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 10, maxAgeMs: 60_000 },
    merge: { "*": "ephemeral" },
  } as const satisfies Rule;

  test("[P-LOCAL-4] [G6] a channel whose events are all ephemeral continues locally without being told to", async () => {
    const engine = new FaultyEngine();
    const mixed = { ...ephemeral, pattern: "mixed:{room}", merge: { move: "ephemeral" } } as const;
    await using t = testCore({ engine: engine.factory, rules: [ephemeral, mixed] });
    const socket = await reader(t, "pointer:1");
    engine.goAway();
    await t.clock.advance(1_000);
    expect(await t.publish("pointer:1", "move", 1)).toMatchObject({ local: true });
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ type: "event", data: 1 });
    await expect(t.publish("mixed:1", "move", 1)).rejects.toMatchObject({
      code: "store_unavailable",
    });
    engine.comeBack();
    await t.clock.advance(1_000);
    expect((await t.core.channels.history(t.service, "pointer:1")).entries).toEqual([]);
  });

  test("[P-LOCAL-5] [G6] typing is shown to the watchers at the node, ends by itself, and follows the store afterwards", async () => {
    const faulty = new FaultyEngine();
    const refuse = () => {
      if (faulty.isDown) throw new MilepostError("store_unavailable", "no");
    };
    const engine: EngineFactory = (context) => {
      const made = faulty.factory(context);
      const { presence } = made;
      const update: typeof presence.update = async (...given) => {
        refuse();
        return presence.update(...given);
      };
      const read: typeof presence.read = async (...given) => {
        refuse();
        return presence.read(...given);
      };
      return { ...made, presence: altered(presence, { update, read }) };
    };
    await using t = testCore({ engine });
    const enter = async (user: string) => {
      const grants = { subscribe: ["*"], publish: ["*"] };
      const socket = t.connect({ principal: t.user(user, { grants }) });
      socket.send({ type: "subscribe", id: 1, channel: "chat:1", presence: true });
      await t.clock.settle();
      return { socket, present: new PresenceReader(socket, "chat:1") };
    };
    const ada = await enter("ada");
    const bob = await enter("bob");
    const type = async (typing: boolean) => {
      const params = { channel: "chat:1", typing };
      bob.socket.send({ type: "request", id: 2, method: "presence.typing", params });
      await t.clock.advance(500);
    };
    faulty.goAway();
    await t.clock.advance(1_000);
    await type(true);
    expect(bob.socket.take().at(-1)).not.toHaveProperty("error");
    expect(ada.present.list?.typing).toEqual(["user:bob"]);
    await type(false);
    expect(ada.present.list?.typing).toEqual([]);
    await type(true);
    await t.clock.advance(7_000);
    expect(ada.present.list?.typing).toEqual([]);
    await type(true);
    faulty.comeBack();
    await t.clock.advance(7_000);
    expect(ada.present.list?.typing).toEqual([]);
    await type(true);
    expect(ada.present.list?.typing).toEqual(["user:bob"]);
    expect(ada.present.isLost).toBe(false);
  });
});
