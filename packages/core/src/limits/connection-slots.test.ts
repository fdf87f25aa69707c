import { ManualClock, SeededRandom, SharedEngine, TestStoreWatch } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { ConnectOptions, LimitOptions, UserPrincipal } from "../index.ts";
import { RecordingMeter, type TestCore, TestSocket, testCore } from "../testing/index.ts";

/** Opens a connection as a door does: with a slot that is reserved first. Resolves once it is open or refused. */
async function open(
  t: TestCore,
  principal: UserPrincipal,
  options: ConnectOptions = {},
  upgrades = false,
) {
  const socket = new TestSocket(t.json);
  const slot = await t.core.slots.reserve(principal, { replaced: options.connectionId, upgrades });
  if (slot.isGranted) {
    socket.attach(t.core.connect(socket, { ...options, principal, reservedId: slot.id }));
  } else socket.close(slot.close, slot.reason);
  return socket;
}

/** Two nodes on one engine. */
class Pair implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly store = new TestStoreWatch();
  readonly a: TestCore;
  readonly b: TestCore;
  readonly mortal: ReturnType<SharedEngine["mortal"]>;

  constructor(limits: LimitOptions = {}) {
    this.engine.isShared = true;
    this.mortal = this.engine.mortal();
    const { clock } = this;
    const node = (name: string, seed: number, factory: typeof this.engine.factory) =>
      testCore({
        clock,
        random: new SeededRandom(seed),
        node: name,
        limits,
        engine: (context) => ({ ...factory(context), store: this.store }),
      });
    this.a = node("a", 1, this.mortal.factory);
    this.b = node("b", 2, this.engine.factory);
  }

  async open(t: TestCore, user: string, options?: ConnectOptions): Promise<TestSocket> {
    return this.clock.until(open(t, t.user(user), options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.a[Symbol.asyncDispose]();
    await this.b[Symbol.asyncDispose]();
  }
}

const limits = { maxConnectionsPerUser: 2, maxConnectionsPerSession: 1 };
const tooMany = { code: 4409, reason: "too many connections of this user" };

describe("one node", () => {
  test("[P-ADM-6] a user's connection above the number is closed with 4409, and one that ended frees its number", async () => {
    const meter = new RecordingMeter();
    await using t = testCore({ limits, meter });
    const first = t.connect({ principal: t.user("ada") });
    const second = t.connect({ principal: t.user("ada") });
    const third = t.connect({ principal: t.user("ada") });
    expect(third.closed).toEqual(tooMany);
    expect(third.received()).toEqual([]);
    expect(t.connect({ principal: t.user("bob") }).closed).toBeUndefined();
    expect(meter.count("milepost_connections_refused_total", { reason: "user" })).toBe(1);
    second.drop();
    const next = t.connect({ principal: t.user("ada") });
    expect([first.closed, next.closed]).toEqual([undefined, undefined]);
  });

  test("[P-ADM-6] connections and feeds of a session count together; a feed above the number is closed with 1008", async () => {
    await using t = testCore({ limits: { maxConnectionsPerSession: 2 } });
    const principal = t.user("ada", { session: "s" });
    t.connect({ principal });
    expect(t.connectFeed("s", principal).closed).toBeUndefined();
    expect(t.connectFeed("s", principal).closed).toEqual({
      code: 1008,
      reason: "Too many connections",
    });
    expect(t.connect({ principal }).closed).toMatchObject({
      code: 4409,
      reason: "too many connections of this session",
    });
    expect(t.connect({ principal: t.user("ada", { session: "t" }) }).closed).toBeUndefined();
  });

  test("[P-ADM-6] a credential in the first message counts like one of the connect", async () => {
    await using t = testCore({ limits });
    const token = t.token(t.user("ada"));
    const sockets = [];
    for (let n = 0; n < 3; n++) {
      const socket = t.connect();
      socket.send({ type: "auth", token });
      await t.clock.advance(1);
      sockets.push(socket);
    }
    expect(sockets[2]?.closed).toBeUndefined();
    await t.clock.advance(1_000);
    sockets[0]?.pong();
    sockets[1]?.pong();
    await t.clock.advance(1_500);
    expect(sockets.map(({ closed }) => closed?.code)).toEqual([undefined, undefined, 4409]);
  });

  test("[P-ADM-7] before a connection is refused the others are probed, and one that is silent for 2 s makes room", async () => {
    await using t = testCore({ limits });
    const silent = t.connect({ principal: t.user("ada") });
    const alive = t.connect({ principal: t.user("ada") });
    silent.stall();
    await t.clock.advance(5_000);
    const next = open(t, t.user("ada"));
    await t.clock.advance(1_000);
    expect([silent.pings, alive.pings]).toEqual([1, 1]);
    alive.pong();
    await t.clock.advance(900);
    expect(silent.closed).toBeUndefined();
    await t.clock.advance(200);
    expect(silent.closed).toMatchObject({ code: 4003 });
    expect(silent.terminated).toBe(true);
    expect((await next).received()[0]).toMatchObject({ type: "welcome" });
    expect(alive.closed).toBeUndefined();
  });

  test("[P-ADM-7] a connection is refused as soon as all others have answered, and not after the whole 2 s", async () => {
    await using t = testCore({ limits });
    const others = [0, 1].map(() => t.connect({ principal: t.user("ada") }));
    await t.clock.advance(5_000);
    let refused: TestSocket | undefined;
    void open(t, t.user("ada")).then((socket) => {
      refused = socket;
    });
    await t.clock.advance(10);
    others[0]?.pong();
    await t.clock.advance(400);
    expect(refused).toBeUndefined();
    others[1]?.pong();
    await t.clock.advance(150);
    expect(refused?.closed).toEqual(tooMany);
    expect(others.map(({ closed }) => closed)).toEqual([undefined, undefined]);
  });

  test("[P-ADM-7] a waiting connection opens as soon as another one of its user ends", async () => {
    await using t = testCore({ limits });
    const [first] = [0, 1].map(() => t.connect({ principal: t.user("ada") }));
    await t.clock.advance(1);
    const next = open(t, t.user("ada"));
    await t.clock.advance(100);
    first?.drop();
    expect((await next).closed).toBeUndefined();
  });

  test("[P-ADM-7] as many connections wait for a probe as may be open, and all others are refused at once", async () => {
    await using t = testCore({ limits });
    for (let n = 0; n < 2; n++) t.connect({ principal: t.user("ada") });
    await t.clock.advance(5_000);
    const waiting = [0, 1].map(() => open(t, t.user("ada")));
    const refused = await Promise.all([0, 1, 2].map(() => open(t, t.user("ada"))));
    expect(refused.map(({ closed }) => closed)).toEqual([tooMany, tooMany, tooMany]);
    // Both open connections are silent, so both waiting ones get their slots.
    await t.clock.advance(2_100);
    for (const socket of await Promise.all(waiting)) expect(socket.closed).toBeUndefined();
  });

  test("[P-ADM-8] a connection that replaces another one of its user does not count", async () => {
    await using t = testCore({ limits });
    const [first] = [0, 1].map(() => t.connect({ principal: t.user("ada") }));
    await t.clock.settle();
    const { connection_id: connectionId } = first?.received()[0] ?? {};
    const next = await open(t, t.user("ada"), { connectionId: String(connectionId) });
    await t.clock.settle();
    expect(next.received()[0]).toMatchObject({ connection_id: connectionId });
    expect(first?.closed).toMatchObject({ code: 4001 });
    // A stranger replaces nothing, and counts.
    const bob = await open(t, t.user("bob"), { connectionId: String(connectionId) });
    await t.clock.settle();
    expect(bob.received()[0]).not.toMatchObject({ connection_id: connectionId });
    expect(next.closed).toBeUndefined();
  });

  test("[P-ADM-8] a connection that takes over from another one later may be one above the number, and no more", async () => {
    await using t = testCore({ limits });
    const sockets = [0, 1].map(() => t.connect({ principal: t.user("ada") }));
    sockets.push(await open(t, t.user("ada"), {}, true));
    expect(sockets[2]?.closed).toBeUndefined();
    await t.clock.advance(2_000);
    const more = open(t, t.user("ada"), {}, true);
    await t.clock.advance(1);
    for (const socket of sockets) socket.pong();
    expect((await t.clock.until(more)).closed).toEqual(tooMany);
  });

  test("[P-CON-9] only connections with a verified credential count towards the number of the node", async () => {
    await using t = testCore({ limits: { maxConnections: 1 } });
    const bare = [0, 1, 2].map(() => t.connect());
    expect(t.connect({ principal: t.user("ada") }).closed).toBeUndefined();
    expect(t.connect({ principal: t.user("bob") }).closed).toMatchObject({ code: 1013 });
    bare[0]?.send({ type: "auth", token: t.token(t.user("cleo")) });
    await t.clock.settle();
    expect(bare.map(({ closed }) => closed?.code)).toEqual([1013, undefined, undefined]);
  });

  test("a slot whose connection did not open is free again", async () => {
    await using t = testCore({ limits: { maxConnectionsPerUser: 1 } });
    const slot = await t.core.slots.reserve(t.user("ada"));
    expect(t.connect({ principal: t.user("ada") }).closed).toEqual(tooMany);
    if (slot.isGranted) t.core.slots.cancel(t.user("ada"), slot.id);
    expect(t.connect({ principal: t.user("ada") }).closed).toBeUndefined();
  });
});

describe("two nodes", () => {
  test("[P-ADM-6] a user's connections are counted on all nodes, however many connect at the same time", async () => {
    await using t = new Pair({ maxConnectionsPerUser: 5 });
    const nodes = [t.a, t.b];
    const all = Array.from({ length: 20 }, (_, n) => {
      const node = nodes[n % 2] ?? t.a;
      return open(node, node.user("ada"));
    });
    const sockets = await t.clock.until(Promise.all(all));
    expect(sockets.filter(({ closed }) => closed === undefined)).toHaveLength(5);
  });

  test("[P-ADM-7] a silent connection on another node is dropped there, and the new one opens", async () => {
    await using t = new Pair({ maxConnectionsPerUser: 1 });
    const silent = await t.open(t.a, "ada");
    await t.clock.advance(5_000);
    const next = await t.open(t.b, "ada");
    expect(silent.closed).toMatchObject({ code: 4003 });
    expect(next.received()[0]).toMatchObject({ type: "welcome" });
  });

  test("[P-ADM-7] a live connection on another node is kept, and the new one is refused", async () => {
    await using t = new Pair({ maxConnectionsPerUser: 1 });
    const live = await t.open(t.a, "ada");
    await t.clock.advance(5_000);
    const next = open(t.b, t.b.user("ada"));
    await t.clock.advance(500);
    live.pong();
    expect((await t.clock.until(next)).closed).toEqual(tooMany);
    expect(live.closed).toBeUndefined();
  });

  test("[P-ADM-8] a connection that replaces one on another node gets its number, and the old one is closed", async () => {
    await using t = new Pair({ maxConnectionsPerUser: 1 });
    const old = await t.open(t.a, "ada");
    const connectionId = String(old.received()[0]?.connection_id);
    await t.clock.advance(100);
    const stranger = t.b.user("ada", { session: "other" });
    const next = open(t.b, t.b.user("ada"), { connectionId });
    await t.clock.advance(300);
    expect((await next).closed).toBeUndefined();
    expect(old.closed).toMatchObject({ code: 4001 });
    const forged = open(t.a, stranger, {
      connectionId: String((await next).received()[0]?.connection_id),
    });
    await t.clock.advance(300);
    expect((await next).closed).toBeUndefined();
    await t.clock.until(forged);
  });

  test("[P-ADM-8] however many connections say that they take over, over all nodes one is above the number", async () => {
    await using t = new Pair({ maxConnectionsPerUser: 2 });
    const opening = [t.a, t.b, t.a, t.b, t.a, t.b].map((node) =>
      open(node, node.user("ada"), {}, true),
    );
    const sockets: TestSocket[] = [];
    for (const each of opening) void each.then((socket) => sockets.push(socket));
    for (let ms = 0; ms < 6_000; ms += 100) {
      await t.clock.advance(100);
      for (const socket of sockets) if (socket.closed === undefined) socket.pong();
    }
    await t.clock.until(Promise.all(opening));
    expect(sockets).toHaveLength(6);
    expect(sockets.filter(({ closed }) => closed === undefined)).toHaveLength(3);
  });

  test("[P-ADM-6] [G8] the connections of a dead node do not count after its lease", async () => {
    await using t = new Pair({ maxConnectionsPerUser: 1 });
    await t.open(t.a, "ada");
    t.mortal.die();
    await t.clock.advance(15_000);
    expect((await t.open(t.b, "ada")).closed).toBeUndefined();
  });

  test("[P-ADM-6] while the store is away each node counts its own connections", async () => {
    await using t = new Pair({ maxConnectionsPerUser: 1 });
    await t.open(t.a, "ada");
    t.store.set(false);
    await t.clock.advance(6_000);
    expect((await t.open(t.b, "ada")).closed).toBeUndefined();
    expect(t.b.connect({ principal: t.b.user("ada") }).closed).toEqual(tooMany);
  });
});
