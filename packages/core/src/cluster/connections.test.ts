import type { EngineFactory, Registry } from "@milepost/engine";
import {
  altered,
  ManualClock,
  SeededRandom,
  SharedEngine,
  TestStoreWatch,
} from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { UserPrincipal } from "../index.ts";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

/** Cluster of nodes a, b and c on one engine and one clock; node a can die. */
class Cluster implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly mortal: ReturnType<SharedEngine["mortal"]>;
  readonly a: TestCore;
  readonly b: TestCore;
  readonly c: TestCore;

  constructor() {
    this.engine.isShared = true;
    this.mortal = this.engine.mortal();
    this.a = this.#node("a", 1, this.mortal.factory);
    this.b = this.#node("b", 2, this.engine.factory);
    this.c = this.#node("c", 3, this.engine.factory);
  }

  #node(node: string, seed: number, engine: EngineFactory): TestCore {
    return testCore({ clock: this.clock, random: new SeededRandom(seed), engine, node });
  }

  async connect(t: TestCore, principal: UserPrincipal): Promise<TestSocket> {
    const socket = t.connect({ principal });
    await this.clock.settle();
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of [this.a, this.b, this.c]) await node[Symbol.asyncDispose]();
  }
}

function idOf(socket: TestSocket): string {
  return String(socket.received().find(({ type }) => type === "welcome")?.connection_id);
}

describe("connections of several nodes", () => {
  test("[C8] any node lists connections by user, session, id and node, and counts them", async () => {
    await using t = new Cluster();
    const { a, b, c, clock } = t;
    const one = await t.connect(a, a.user("ada", { session: "s1" }));
    await clock.advance(10);
    await t.connect(b, b.user("ada", { session: "s2" }));
    await t.connect(b, b.user("bob", { session: "s2" }));
    const { connections } = await c.core.connections.list(c.service, { user: "ada" });
    expect(connections).toMatchObject([
      { connection_id: idOf(one), user_id: "ada", session_id: "s1", node: "a" },
      { user_id: "ada", session_id: "s2", node: "b", consumer: "websocket" },
    ]);
    const count = async (target: Parameters<typeof c.core.connections.list>[1]) =>
      (await c.core.connections.list(c.service, target)).connections.length;
    expect(await count({ session: "s2" })).toBe(2);
    expect(await count({ node: "b" })).toBe(2);
    expect(await count({ connection: idOf(one) })).toBe(1);
    // A heartbeat sends the node's connection count and reads the counts of the other nodes, so the counts need
    // two heartbeats to agree.
    await clock.advance(4_500);
    expect(c.core.stats()).toMatchObject({ connections: 0, totalConnections: 3 });
    expect(await c.core.connections.nodes(c.service)).toMatchObject([
      { node: "a", connections: 1 },
      { node: "b", connections: 2 },
      { node: "c", connections: 0 },
    ]);
    one.drop();
    await clock.settle();
    expect(await count({ connection: idOf(one) })).toBe(0);
  });

  test("list, nodes, disconnect, move and revoke refuse a user with forbidden, because they are for services only", async () => {
    await using t = new Cluster();
    const { connections } = t.a.core;
    const user = t.a.user("ada");
    const refused = { code: "forbidden" };
    await expect(connections.list(user, { user: "ada" })).rejects.toMatchObject(refused);
    await expect(connections.nodes(user)).rejects.toMatchObject(refused);
    await expect(connections.disconnect(user, { user: "ada" })).rejects.toMatchObject(refused);
    await expect(connections.move(user, { user: "ada" })).rejects.toMatchObject(refused);
    await expect(connections.revoke(user, { user: "ada" })).rejects.toMatchObject(refused);
  });

  test("[G8] connections of a dead node are not listed after its lease ends, and another node removes them from the registry", async () => {
    await using t = new Cluster();
    const { a, b, clock } = t;
    await t.connect(a, a.user("ada"));
    await t.connect(b, b.user("ada"));
    await clock.advance(4_000);
    t.mortal.die();
    // Node a held the sweep lease when it died. Another node takes the lease over once it ends.
    await clock.advance(10_000 + 2_000);
    const { connections } = await b.core.connections.list(b.service, { user: "ada" });
    expect(connections).toMatchObject([{ node: "b" }]);
    expect(b.core.stats().totalConnections).toBe(1);
    const { registry } = t.engine.factory({ clock, random: new SeededRandom() });
    // The other node has already removed the dead node's entries.
    expect(await registry.sweep()).toBe(0);
  });

  test("[G8] a node whose registry entry was removed registers itself and its connections again", async () => {
    await using t = new Cluster();
    const { a, b, c, clock } = t;
    await t.connect(a, a.user("ada"));
    await clock.advance(4_000);
    const { registry } = t.engine.factory({ clock, random: new SeededRandom() });
    for (const { id } of await registry.nodes()) await registry.leave(id);
    expect((await registry.list({ user: "ada" }, 10)).length).toBe(0);
    await clock.advance(2_500);
    const { connections } = await b.core.connections.list(b.service, { user: "ada" });
    expect(connections).toMatchObject([{ node: "a" }]);
    expect(await c.core.connections.nodes(c.service)).toHaveLength(3);
  });

  test("[G8] a node registers again after a store outage, so a closed connection whose removal was lost is no longer listed", async () => {
    const clock = new ManualClock();
    const shared = new SharedEngine(clock, new SeededRandom());
    shared.isShared = true;
    const store = new TestStoreWatch();
    let loses = false;
    await using t = testCore({
      clock,
      engine: (context) => {
        const made = shared.factory(context);
        const change: Registry["change"] = async (...args) => {
          if (!loses) await made.registry.change(...args);
        };
        return {
          ...made,
          store,
          registry: altered(made.registry, { change }),
        };
      },
    });
    const gone = t.connect({ principal: t.user("ada") });
    t.connect({ principal: t.user("bob") });
    await clock.advance(3_000);
    loses = true;
    gone.drop();
    await clock.settle();
    loses = false;
    store.set(false);
    await clock.advance(1_000);
    store.set(true);
    await clock.advance(3_000);
    const count = async (user: string) =>
      (await t.core.connections.list(t.service, { user })).connections.length;
    expect(await count("ada")).toBe(0);
    expect(await count("bob")).toBe(1);
  });

  test("5,000 connections opened at once need fewer than five registry calls, and the last one is listed", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    let changes = 0;
    await using t = testCore({
      clock,
      engine: (context) => {
        const made = engine.factory(context);
        const { registry } = made;
        return {
          ...made,
          registry: {
            refresh: (...args) => registry.refresh(...args),
            nodes: () => registry.nodes(),
            change: (...args) => {
              changes++;
              return registry.change(...args);
            },
            claim: (...args) => registry.claim(...args),
            recount: (...args) => registry.recount(...args),
            list: (...args) => registry.list(...args),
            leave: (...args) => registry.leave(...args),
            sweep: () => registry.sweep(),
          },
        };
      },
    });
    for (let n = 0; n < 5_000; n++) t.connect({ principal: t.user(`u${n}`) });
    await clock.settle();
    expect(changes).toBeLessThan(5);
    const { connections } = await t.core.connections.list(t.service, { user: "u4999" });
    expect(connections).toHaveLength(1);
  });
});

describe("disconnecting connections", () => {
  test("[P-CONN-2] disconnect closes connections for good on every node, by user, session, connection or node", async () => {
    await using t = new Cluster();
    const { a, b, c, clock } = t;
    const sockets = [
      await t.connect(a, a.user("ada", { session: "s1" })),
      await t.connect(b, b.user("ada", { session: "s2" })),
      await t.connect(b, b.user("bob", { session: "s2" })),
      await t.connect(c, c.user("eve")),
    ] as const;
    const closed = () => sockets.map((socket) => socket.closed?.code);
    const { connections } = c.core;
    const answer = await connections.disconnect(c.service, { connection: idOf(sockets[0]) }, "bye");
    expect(answer).toEqual({ connections: 1 });
    await clock.settle();
    expect(sockets[0].closed).toEqual({ code: 4410, reason: "bye" });
    expect(closed()).toEqual([4410, undefined, undefined, undefined]);
    await connections.disconnect(c.service, { user: "ada" });
    await clock.settle();
    expect(closed()).toEqual([4410, 4410, undefined, undefined]);
    await connections.disconnect(c.service, { session: "s2" });
    await clock.settle();
    expect(closed()).toEqual([4410, 4410, 4410, undefined]);
    await connections.disconnect(a.service, { node: "c" });
    await clock.settle();
    expect(closed()).toEqual([4410, 4410, 4410, 4410]);
    const long = connections.disconnect(c.service, { user: "x" }, "r".repeat(101));
    await expect(long).rejects.toMatchObject({ code: "bad_message" });
  });
});

describe("moving connections", () => {
  test("[P-CONN-3] move sends a notice with the reconnect span, and closes with 4001 once the span has passed", async () => {
    await using t = new Cluster();
    const { a, b, clock } = t;
    const socket = await t.connect(a, a.user("ada"));
    const span = { minMs: 100, maxMs: 1_000 };
    expect(await b.core.connections.move(b.service, { user: "ada" }, span)).toEqual({
      connections: 1,
    });
    await clock.settle();
    expect(socket.take().at(-1)).toEqual({
      type: "notice",
      code: "move",
      reconnect: { min_ms: 100, max_ms: 1_000 },
    });
    expect(socket.closed).toBeUndefined();
    await clock.advance(1_100);
    expect(socket.closed?.code).toBe(4001);
    for (const wrong of [
      { minMs: 2, maxMs: 1 },
      { minMs: -1, maxMs: 1 },
      { minMs: 0, maxMs: 600_001 },
      { minMs: 0, maxMs: Number.NaN },
    ]) {
      const moved = b.core.connections.move(b.service, { user: "x" }, wrong);
      await expect(moved).rejects.toMatchObject({ code: "bad_message" });
    }
  });
});
